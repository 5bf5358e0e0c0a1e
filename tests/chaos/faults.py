# SPDX-License-Identifier: MIT
"""Makes the faults. Each returns True if it hit a process at work, False if it hit an idle one,
None if there was none to hit."""

import signal

from process_tree import ProcessTree, go_on, send, started_at


def choose(fault, candidates):
    return sorted(candidates)[int(fault.pick * len(candidates))] if candidates else None


def at_work(run, tree, pid=None):
    """Some process has a chunk: the pid or one below it, or any of the run."""
    busy = run.busy.pids(tree)
    return bool(busy if pid is None else busy & {pid, *tree.below(pid)})


def stop_for(run, pids, hold_s):
    held = {pid: started_at(pid) for pid in pids}
    for pid in pids:
        send(pid, signal.SIGSTOP)

    def continue_them():
        run.touch()
        go_on(held)

    run.later(hold_s, continue_them)


def ready(run, fault):
    """Most faults wait a moment until a process is at work; some come at once."""
    return fault.pick < 0.15 or (run.going() and at_work(run, ProcessTree(run.case)))


# -- workers and what is below them --


def kill_worker_pids(run, fault, pids):
    if not run.may_kill_worker():
        return None
    tree = ProcessTree(run.case)
    hit = [at_work(run, tree, pid) for pid in pids]
    for pid in pids:
        run.condemn(run.process_of(pid), fault.kind, fault.hold_s)
        send(pid, signal.SIGKILL)
    return any(hit) if pids else None


def kill_worker(run, fault):
    tree = ProcessTree(run.case)
    pids = run.worker_pids(tree)
    pid = choose(fault, [pid for pid in pids if at_work(run, tree, pid)] or pids)
    return kill_worker_pids(run, fault, [pid] if pid else [])


def kill_all_workers(run, fault):
    return kill_worker_pids(run, fault, run.worker_pids(ProcessTree(run.case)))


def kill_below(run, fault, candidates, ends_worker):
    tree = ProcessTree(run.case)
    workers = run.worker_pids(tree)
    pid = choose(fault, [pid for pid in candidates(tree) if set(tree.ancestors(pid)) & set(workers)])
    if pid is None or (ends_worker and not run.may_kill_worker()):
        return None
    (worker,) = set(tree.ancestors(pid)) & set(workers)
    hit = at_work(run, tree, worker if ends_worker else pid)
    if ends_worker:
        run.condemn(run.process_of(worker), fault.kind, fault.hold_s)
    run.touch([worker])
    send(pid, signal.SIGKILL)
    return hit


def kill_supervisor(run, fault):
    return kill_below(run, fault, ProcessTree.supervisors, ends_worker=True)


def kill_zygote(run, fault):
    return kill_below(run, fault, ProcessTree.zygotes, ends_worker=True)


def kill_user_program(run, fault):
    tree = ProcessTree(run.case)
    busy = run.busy.pids(tree)
    return kill_below(
        run, fault, lambda tree: [pid for pid in tree.user_programs() if pid in busy] or tree.user_programs(), False
    )


def join(run, _fault):
    run.add_worker()
    return run.going()


def leave(run, fault):
    tree = ProcessTree(run.case)
    pid = choose(fault, run.worker_pids(tree))
    if pid is None:
        return None
    run.condemn(run.process_of(pid), fault.kind, fault.hold_s)
    send(pid, signal.SIGTERM)
    return at_work(run, tree, pid)


# -- stops --


def stop_one(run, fault, candidates):
    tree = ProcessTree(run.case)
    pids = candidates(tree)
    pid = choose(fault, [pid for pid in pids if at_work(run, tree, pid)] or pids)
    if pid is None:
        return None
    hit = at_work(run, tree, pid)
    stop_for(run, [pid], fault.hold_s)
    return hit


def stop_worker(run, fault):
    return stop_one(run, fault, run.worker_pids)


def stop_supervisor(run, fault):
    return stop_one(run, fault, ProcessTree.supervisors)


def stop_zygote(run, fault):
    return stop_one(run, fault, ProcessTree.zygotes)


def stop_user_program(run, fault):
    return stop_one(run, fault, lambda tree: run.busy.pids(tree) & set(tree.user_programs()))


def stop_end(run, fault, role):
    pids = run.pid_of(role)
    if not pids:
        return None
    hit = run.going() and at_work(run, ProcessTree(run.case))
    stop_for(run, pids, fault.hold_s)
    return hit


def stop_all(run, fault):
    tree = ProcessTree(run.case)
    hit = run.going() and at_work(run, tree)
    stop_for(run, list(tree.names), fault.hold_s)
    return hit if tree.names else None


# -- the two ends --


def kill_end(run, fault, role):
    pids = run.pid_of(role)
    if not pids:
        return None
    hit = run.going() and at_work(run, ProcessTree(run.case))
    process = run.process_of(pids[0])
    if process:
        run.condemn(process, fault.kind, fault.hold_s)
    else:
        run.excuse(fault.kind)
    send(pids[0], signal.SIGKILL)
    return hit


def kill_all(run, fault):
    """Kills each process of the run."""
    tree = ProcessTree(run.case)
    hit = run.going() and at_work(run, tree)
    if not run.pid_of("sink"):
        return None
    run.excuse(fault.kind)
    if hasattr(run, "kills_of_all"):
        run.kills_of_all += 1
    else:
        run.set_over(fault.kind)
    for worker in getattr(run, "workers", []):
        run.condemn(worker, fault.kind, 0.0)

    def killed():
        pids = list(run.case.reap())
        for pid in pids:
            send(pid, signal.SIGKILL)
        return not pids

    run.case.wait_for(killed, "the killed to be gone")
    return hit


def kill_commit_helper(run, fault):
    """The sink cannot go on without it."""
    tree = ProcessTree(run.case)
    pid = choose(fault, tree.helpers())
    if pid is None:
        return None
    run.excuse(fault.kind)
    send(pid, signal.SIGKILL)
    return run.going() and at_work(run, tree)


def fill_disk(run, fault):
    if not run.pid_of("sink"):
        return None
    run.excuse(fault.kind)
    run.disk.fill()
    return run.going() and at_work(run, ProcessTree(run.case))


def ask_to_end(run, fault, number):
    """Sends the signal as an operator does: the first drains; at times a second one follows."""
    role = "launcher" if hasattr(run, "launcher") else "ventilator"
    pids = run.pid_of(role)
    if not pids:
        return None
    run.excuse(fault.kind)
    held = {pids[0]: started_at(pids[0])}
    send(pids[0], number)

    def once_more():
        for pid, start in held.items():
            if started_at(pid) == start:
                send(pid, number)

    if fault.pick < 0.4:
        run.later(fault.hold_s, once_more)
    return run.going() and at_work(run, ProcessTree(run.case))


def start_second(run, role):
    """Starts a second one, which must be refused, and do no harm."""
    if run.over or not run.pid_of(role):
        return None
    first = getattr(run, role)
    getattr(run, f"start_{role}")()
    second = getattr(run, role)
    setattr(run, role, first)
    # The ventilator refuses a second sink; and a first one that ends makes room.
    refused_by = run.ventilator if role == "sink" else first

    def is_decided():
        run.work_agenda()  # continues what is stopped
        return not second.running() or not first.running() or not refused_by.running()

    run.case.wait_for(is_decided, f"the second {role} to end")
    if second.running():
        second.signal(signal.SIGKILL)
    status = second.wait(30)
    run.note(f"the second {role} ended with status {status}")
    if first.running():
        assert status not in (0, 1), f"a second {role} ended with status {status} while the first one lives"
    return run.going()


# -- links --


def hosts_of(run):
    return ["sink", "ventilator", *sorted({worker.host for worker in run.workers if worker.running()})]


def unplug(run, fault, hosts=None):
    hosts = hosts or [choose(fault, hosts_of(run))]
    hit = run.going() and at_work(run, ProcessTree(run.case))
    for host in hosts:
        run.network.pull(host)

    def plug():
        run.touch()
        for host in hosts:
            run.network.plug(host)

    run.later(fault.hold_s, plug)
    run.note(f"unplugged: {' '.join(hosts)}")
    return hit


def unplug_all(run, fault):
    return unplug(run, fault, hosts_of(run))


def lose_one_way(run, fault):
    ways = []
    for host in hosts_of(run):
        ways += [(host, end) for end in ("sink", "ventilator") if end != host]
        ways += [(end, host) for end in ("sink", "ventilator") if end != host]
    name, other = choose(fault, ways)
    hit = run.going() and at_work(run, ProcessTree(run.case))
    run.network.lose(name, other)

    def find():
        run.touch()
        run.network.find(name, other)

    run.later(fault.hold_s, find)
    run.note(f"lost: {name} to {other}")
    return hit


def break_connections(run, fault):
    host = choose(fault, hosts_of(run))
    run.touch()
    hit = run.going() and at_work(run, ProcessTree(run.case))
    return hit if run.network.break_connections(host) else None


def pause_reader(run, fault):
    run.reader.may_read.clear()
    run.later(fault.hold_s, run.reader.may_read.set)
    return run.going()


ACTIONS = {
    "kill worker": kill_worker,
    "kill supervisor": kill_supervisor,
    "kill zygote": kill_zygote,
    "kill user program": kill_user_program,
    "kill all workers": kill_all_workers,
    "stop worker": stop_worker,
    "stop supervisor": stop_supervisor,
    "stop zygote": stop_zygote,
    "stop user program": stop_user_program,
    "stop sink": lambda run, fault: stop_end(run, fault, "sink"),
    "stop ventilator": lambda run, fault: stop_end(run, fault, "ventilator"),
    "stop launcher": lambda run, fault: stop_end(run, fault, "launcher"),
    "stop all": stop_all,
    "join": join,
    "leave": leave,
    "kill sink": lambda run, fault: kill_end(run, fault, "sink"),
    "kill ventilator": lambda run, fault: kill_end(run, fault, "ventilator"),
    "kill launcher": lambda run, fault: kill_end(run, fault, "launcher"),
    "kill all": kill_all,
    "kill commit helper": kill_commit_helper,
    "fill disk": fill_disk,
    "interrupt": lambda run, fault: ask_to_end(run, fault, signal.SIGINT),
    "terminate": lambda run, fault: ask_to_end(run, fault, signal.SIGTERM),
    "second sink": lambda run, _fault: start_second(run, "sink"),
    "second ventilator": lambda run, _fault: start_second(run, "ventilator"),
    "unplug": unplug,
    "unplug all": unplug_all,
    "lose one way": lose_one_way,
    "break connections": break_connections,
    "pause reader": pause_reader,
}
