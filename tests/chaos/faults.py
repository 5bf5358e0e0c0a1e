# SPDX-License-Identifier: MIT
"""What is done to a run. Each fault returns True where it hit what was alive and at work, False
where it hit what was idle, None where there was nobody to hit."""

import signal

from processes import Kin, go_on, send, started_at


def choose(fault, candidates):
    return sorted(candidates)[int(fault.pick * len(candidates))] if candidates else None


def at_work(scene, kin, pid=None):
    """Some process has a chunk, of those below the pid (or the pid itself), or of all."""
    busy = scene.busy.pids(kin)
    return bool(busy if pid is None else busy & {pid, *kin.below(pid)})


def stop_for(scene, pids, hold_s):
    held = {pid: started_at(pid) for pid in pids}
    for pid in pids:
        send(pid, signal.SIGSTOP)

    def continue_them():
        scene.touch()
        go_on(held)

    scene.later(hold_s, continue_them)


def ready(scene, fault):
    """Most faults wait a moment for somebody to be at work; some come whatever is the case."""
    return fault.pick < 0.15 or (scene.going() and at_work(scene, Kin(scene.case)))


# -- workers and what is below them --


def kill_worker_pids(scene, fault, pids):
    if not scene.may_kill_worker():
        return None
    kin = Kin(scene.case)
    hit = [at_work(scene, kin, pid) for pid in pids]
    for pid in pids:
        scene.condemn(scene.process_of(pid), fault.kind, fault.hold_s)
        send(pid, signal.SIGKILL)
    return any(hit) if pids else None


def kill_worker(scene, fault):
    kin = Kin(scene.case)
    pids = scene.worker_pids(kin)
    pid = choose(fault, [pid for pid in pids if at_work(scene, kin, pid)] or pids)
    return kill_worker_pids(scene, fault, [pid] if pid else [])


def kill_all_workers(scene, fault):
    return kill_worker_pids(scene, fault, scene.worker_pids(Kin(scene.case)))


def kill_below(scene, fault, candidates, ends_worker):
    kin = Kin(scene.case)
    workers = scene.worker_pids(kin)
    pid = choose(fault, [pid for pid in candidates(kin) if set(kin.ancestors(pid)) & set(workers)])
    if pid is None or (ends_worker and not scene.may_kill_worker()):
        return None
    (worker,) = set(kin.ancestors(pid)) & set(workers)
    hit = at_work(scene, kin, worker if ends_worker else pid)
    if ends_worker:
        scene.condemn(scene.process_of(worker), fault.kind, fault.hold_s)
    scene.touch([worker])
    send(pid, signal.SIGKILL)
    return hit


def kill_keeper(scene, fault):
    return kill_below(scene, fault, Kin.keepers, ends_worker=True)


def kill_zygote(scene, fault):
    return kill_below(scene, fault, Kin.zygotes, ends_worker=True)


def kill_user_program(scene, fault):
    kin = Kin(scene.case)
    busy = scene.busy.pids(kin)
    return kill_below(
        scene, fault, lambda kin: [pid for pid in kin.user_programs() if pid in busy] or kin.user_programs(), False
    )


def join(scene, _fault):
    scene.hire()
    return scene.going()


def leave(scene, fault):
    kin = Kin(scene.case)
    pid = choose(fault, scene.worker_pids(kin))
    if pid is None:
        return None
    scene.condemn(scene.process_of(pid), fault.kind, fault.hold_s)
    send(pid, signal.SIGTERM)
    return at_work(scene, kin, pid)


# -- stops --


def stop_one(scene, fault, candidates):
    kin = Kin(scene.case)
    pids = candidates(kin)
    pid = choose(fault, [pid for pid in pids if at_work(scene, kin, pid)] or pids)
    if pid is None:
        return None
    hit = at_work(scene, kin, pid)
    stop_for(scene, [pid], fault.hold_s)
    return hit


def stop_worker(scene, fault):
    return stop_one(scene, fault, scene.worker_pids)


def stop_keeper(scene, fault):
    return stop_one(scene, fault, Kin.keepers)


def stop_zygote(scene, fault):
    return stop_one(scene, fault, Kin.zygotes)


def stop_user_program(scene, fault):
    return stop_one(scene, fault, lambda kin: scene.busy.pids(kin) & set(kin.user_programs()))


def stop_end(scene, fault, role):
    pids = scene.pid_of(role)
    if not pids:
        return None
    hit = scene.going() and at_work(scene, Kin(scene.case))
    stop_for(scene, pids, fault.hold_s)
    return hit


def stop_all(scene, fault):
    kin = Kin(scene.case)
    hit = scene.going() and at_work(scene, kin)
    stop_for(scene, list(kin.names), fault.hold_s)
    return hit if kin.names else None


# -- the two ends --


def kill_end(scene, fault, role):
    pids = scene.pid_of(role)
    if not pids:
        return None
    hit = scene.going() and at_work(scene, Kin(scene.case))
    process = scene.process_of(pids[0])
    if process:
        scene.condemn(process, fault.kind, fault.hold_s)
    else:
        scene.excuse(fault.kind)
    send(pids[0], signal.SIGKILL)
    return hit


def kill_all(scene, fault):
    """No process of the run is left."""
    kin = Kin(scene.case)
    hit = scene.going() and at_work(scene, kin)
    if not scene.pid_of("sink"):
        return None
    scene.excuse(fault.kind)
    if hasattr(scene, "kills_of_all"):
        scene.kills_of_all += 1
    else:
        scene.set_over(fault.kind)
    for worker in getattr(scene, "workers", []):
        scene.condemn(worker, fault.kind, 0.0)

    def killed():
        pids = list(scene.case.reap())
        for pid in pids:
            send(pid, signal.SIGKILL)
        return not pids

    scene.case.wait_for(killed, "the killed to be gone")
    return hit


def kill_commit_helper(scene, fault):
    """The sink cannot do without."""
    kin = Kin(scene.case)
    pid = choose(fault, kin.helpers())
    if pid is None:
        return None
    scene.excuse(fault.kind)
    send(pid, signal.SIGKILL)
    return scene.going() and at_work(scene, kin)


def fill_disk(scene, fault):
    if not scene.pid_of("sink"):
        return None
    scene.excuse(fault.kind)
    scene.disk.fill()
    return scene.going() and at_work(scene, Kin(scene.case))


def ask_to_end(scene, fault, number):
    """As an operator does: SIGINT drains; at times a second one follows."""
    role = "launcher" if hasattr(scene, "run") else "ventilator"
    pids = scene.pid_of(role)
    if not pids:
        return None
    scene.excuse(fault.kind)
    held = {pids[0]: started_at(pids[0])}
    send(pids[0], number)

    def once_more():
        for pid, start in held.items():
            if started_at(pid) == start:
                send(pid, number)

    if fault.pick < 0.4:
        scene.later(fault.hold_s, once_more)
    return scene.going() and at_work(scene, Kin(scene.case))


def intrude(scene, role):
    """A second one is refused, and does no harm."""
    if scene.over or not scene.pid_of(role):
        return None
    first = getattr(scene, role)
    getattr(scene, f"start_{role}")()
    second = getattr(scene, role)
    setattr(scene, role, first)
    # Who refuses a sink is the ventilator; and a first one that ends makes room.
    refused_by = scene.ventilator if role == "sink" else first

    def is_decided():
        scene.work_agenda()  # what is stopped goes on meanwhile
        return not second.running() or not first.running() or not refused_by.running()

    scene.case.wait_for(is_decided, f"the second {role} to end")
    if second.running():
        second.signal(signal.SIGKILL)
    status = second.wait(30)
    scene.note(f"the second {role} ended with status {status}")
    if first.running():
        assert status not in (0, 1), f"a second {role} ended with status {status} while the first one lives"
    return scene.going()


# -- links --


def hosts_of(scene):
    return ["sink", "ventilator", *sorted({worker.host for worker in scene.workers if worker.running()})]


def unplug(scene, fault, hosts=None):
    hosts = hosts or [choose(fault, hosts_of(scene))]
    hit = scene.going() and at_work(scene, Kin(scene.case))
    for host in hosts:
        scene.wires.pull(host)

    def plug():
        scene.touch()
        for host in hosts:
            scene.wires.plug(host)

    scene.later(fault.hold_s, plug)
    scene.note(f"unplugged: {' '.join(hosts)}")
    return hit


def unplug_all(scene, fault):
    return unplug(scene, fault, hosts_of(scene))


def lose_one_way(scene, fault):
    ways = []
    for host in hosts_of(scene):
        ways += [(host, end) for end in ("sink", "ventilator") if end != host]
        ways += [(end, host) for end in ("sink", "ventilator") if end != host]
    name, other = choose(fault, ways)
    hit = scene.going() and at_work(scene, Kin(scene.case))
    scene.wires.lose(name, other)

    def find():
        scene.touch()
        scene.wires.find(name, other)

    scene.later(fault.hold_s, find)
    scene.note(f"lost: {name} to {other}")
    return hit


def break_connections(scene, fault):
    host = choose(fault, hosts_of(scene))
    scene.touch()
    hit = scene.going() and at_work(scene, Kin(scene.case))
    return hit if scene.wires.break_connections(host) else None


def pause_reader(scene, fault):
    scene.reader.may_read.clear()
    scene.later(fault.hold_s, scene.reader.may_read.set)
    return scene.going()


ACTIONS = {
    "kill worker": kill_worker,
    "kill keeper": kill_keeper,
    "kill zygote": kill_zygote,
    "kill user program": kill_user_program,
    "kill all workers": kill_all_workers,
    "stop worker": stop_worker,
    "stop keeper": stop_keeper,
    "stop zygote": stop_zygote,
    "stop user program": stop_user_program,
    "stop sink": lambda scene, fault: stop_end(scene, fault, "sink"),
    "stop ventilator": lambda scene, fault: stop_end(scene, fault, "ventilator"),
    "stop launcher": lambda scene, fault: stop_end(scene, fault, "launcher"),
    "stop all": stop_all,
    "join": join,
    "leave": leave,
    "kill sink": lambda scene, fault: kill_end(scene, fault, "sink"),
    "kill ventilator": lambda scene, fault: kill_end(scene, fault, "ventilator"),
    "kill launcher": lambda scene, fault: kill_end(scene, fault, "launcher"),
    "kill all": kill_all,
    "kill commit helper": kill_commit_helper,
    "fill disk": fill_disk,
    "interrupt": lambda scene, fault: ask_to_end(scene, fault, signal.SIGINT),
    "terminate": lambda scene, fault: ask_to_end(scene, fault, signal.SIGTERM),
    "second sink": lambda scene, _fault: intrude(scene, "sink"),
    "second ventilator": lambda scene, _fault: intrude(scene, "ventilator"),
    "unplug": unplug,
    "unplug all": unplug_all,
    "lose one way": lose_one_way,
    "break connections": break_connections,
    "pause reader": pause_reader,
}
