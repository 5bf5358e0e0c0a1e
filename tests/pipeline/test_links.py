# SPDX-License-Identifier: MIT
"""The links of a worker to either end stall, break and come back: the output stays right.

The links are tcp through a proxy in the test. Where one worker does all the work and comes
back within the liveness time, nothing may be lost that it had begun: no chunk is begun
twice, though results and tasks were lost on the way.
"""

import contextlib
import os
import random
import re
import subprocess

from harness import Skip
from noting_worker import Feed, NotingWorker, counts_of
from proxy import DOWN, UP, Proxy

BLOCK = 64 << 10
CUTS = 5

UPPER = """
echo "begin $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
sleep 0.02
while [ -e "$HOLD" ]; do
    echo "held $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
    sleep 0.02
done
tr a-z A-Z
echo "end $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
"""


class Links:
    """A run over tcp: workers reach ventilator and sink through a proxy each."""

    def __init__(self, case, *more, workers=1, host="127.0.0.1", proxies=True):
        self.case = case
        self.host = host
        self.options = ["--insecure", "--log-level", "debug", *more]
        self.tasks, self.results = Proxy(), Proxy()
        self.ventilator = case.start(
            "fanfold-ventilator",
            *[*self.options, "--tasks", f"tcp://{host}:*", "--block", BLOCK, "--window", 32],
            stdin=subprocess.PIPE,
        )
        self.tasks.target = self.port_of(self.ventilator, "tasks")
        advertised = ["--advertise", f"{host}:{self.results.port}"] if proxies else []
        self.sink = case.start(
            "fanfold-sink",
            *[*self.options, "--tasks", f"tcp://{host}:{self.tasks.target}"],
            *["--results", f"tcp://{host}:*", *advertised],
        )
        self.results.target = self.port_of(self.sink, "results")
        port = self.tasks.port if proxies else self.tasks.target
        self.workers = [self.join(number, port) for number in range(workers)]
        self.feed = Feed(case, self.ventilator, BLOCK)

    def port_of(self, process, what):
        return int(process.wait_for_stderr(rf"info bound {what}=tcp://[0-9.]+:(\d+)")[1])

    def join(self, number, port):
        return NotingWorker(self.case, number, [*self.options, "--tasks", f"tcp://{self.host}:{port}"], UPPER)

    def released(self):
        return os.path.getsize(self.sink.stdout)

    def wait_released(self):
        """The output goes on."""
        before = self.released()
        self.case.wait_for(lambda: self.released() > before, "the output to go on")

    def wait_ended(self, worker, more=2):
        """The worker ends some tasks, whose results go nowhere or not."""
        before = len(worker.noted("end"))
        self.case.wait_for(lambda: len(worker.noted("end")) >= before + more, "tasks to end")

    @contextlib.contextmanager
    def held_up(self, worker):
        """Within, some tasks of the worker run and do not end."""
        worker.hold.touch()
        self.case.wait_for(lambda: worker.noted("held") - worker.noted("end"), "a task to be held up")
        yield
        worker.hold.unlink()

    def said(self, words):
        """How often the workers said it."""
        return sum(len(re.findall(words, worker.process.stderr())) for worker in self.workers)

    def wait_said(self, words, before):
        self.case.wait_for(lambda: self.said(words) > before, f"a worker to say {words}")

    def end(self):
        """All of it, right, and each program ends well; the ventilator's counts."""
        sent = self.feed.end()
        for process in [self.ventilator, self.sink, *[worker.process for worker in self.workers]]:
            process.expect(0)
        self.case.assert_same(self.sink.stdout, self.case.file("expected", sent.read_bytes().upper()))
        counts = counts_of(self.ventilator)
        for name, proxy in [("tasks", self.tasks), ("results", self.results)]:
            print(f"{name}: accepted {proxy.accepted}, broken {proxy.broken}, lost {proxy.lost}")
        print(counts)
        return counts

    def assert_begun_once(self):
        (worker,) = self.workers
        begun = sorted(worker.noted("begin"))
        twice = [seq for seq, _ in begun if sum(other == seq for other, _ in begun) > 1]
        assert not twice, f"begun more than once: {sorted(set(twice))}"


def test_the_way_to_the_sink_breaks_while_results_are_not_forgotten(case):
    links = Links(case)
    (worker,) = links.workers
    for _ in range(CUTS):
        links.wait_released()
        links.results.stall()
        case.wait_for(lambda: links.results.held[UP] > 0, "a result to be on its way")
        links.wait_ended(worker)
        shut, opened = links.said("link open=0"), links.said("link open=1")
        links.results.cut()
        links.wait_said("link open=0", shut)
        links.results.flow()
        links.wait_said("link open=1", opened)
    links.wait_released()
    links.end()
    assert links.results.broken >= CUTS and links.results.lost[UP] > 0, vars(links.results)
    links.assert_begun_once()


def test_the_way_to_the_ventilator_breaks_while_tasks_run(case):
    links = Links(case)
    (worker,) = links.workers
    for number in range(CUTS):
        links.wait_released()
        welcomes = links.said("link open=1")
        way = (UP, DOWN)[number % 2]
        with links.held_up(worker):
            links.tasks.stall(way)  # not both: it is a PING that is on its way up, its echo down
            case.wait_for(lambda way=way: links.tasks.held[way] > 0, "a message to be on its way")
            links.tasks.cut()
            links.tasks.flow()
            links.wait_said("link open=1", welcomes)
    links.wait_released()
    counts = links.end()
    assert links.tasks.broken >= CUTS and all(links.tasks.lost.values()), vars(links.tasks)
    assert counts["adopted"] >= CUTS, counts
    links.assert_begun_once()


def test_both_ways_break_again_and_again(case):
    chance = random.Random(1)
    links = Links(case, "--liveness", "1", workers=2)  # a HELLO that is lost is said again after that
    for _ in range(2 * CUTS):
        links.wait_released()
        proxies = chance.choice([[links.tasks], [links.results], [links.tasks, links.results]])
        for proxy in proxies:
            way = chance.choice([UP, DOWN]) if proxy is links.tasks else UP
            if chance.random() < 0.7:
                proxy.stall(way)
                case.wait_for(lambda proxy=proxy, way=way: proxy.held[way], "something to be on its way")
            case.wait_for(lambda proxy=proxy: proxy.pairs, "a connection that can break")
            proxy.cut()
        chance.shuffle(proxies)
        for proxy in proxies:
            before = proxy.accepted
            proxy.flow()
            case.wait_for(lambda proxy=proxy, before=before: proxy.accepted > before, "the link to be back")
    for worker in links.workers:  # more than one can hold: it was given new tasks
        links.wait_ended(worker, more=8)
    links.end()
    assert links.tasks.broken >= CUTS and links.results.broken >= CUTS
    assert all(links.tasks.lost.values()) and links.results.lost[UP] > 0


def test_silence_on_the_link_to_the_sink_makes_the_worker_send_its_results_again(case):
    links = Links(case, "--liveness", "1")
    links.wait_released()
    links.results.stall()
    before = links.results.accepted
    case.wait_for(lambda: links.results.accepted > before, "the worker to open its link again")
    links.results.flow()
    links.wait_released()
    counts = links.end()
    assert counts["adopted"] > 0, counts
    links.assert_begun_once()


def test_silence_on_the_link_to_the_ventilator_makes_the_worker_connect_again(case):
    links = Links(case, "--liveness", "1")
    links.wait_released()
    welcomes = links.said("link open=1")
    with links.held_up(links.workers[0]):
        links.tasks.stall()
        before = links.tasks.accepted
        case.wait_for(lambda: links.tasks.accepted > before, "the worker to connect again")
        links.tasks.flow()
        links.wait_said("link open=1", welcomes)
    links.wait_released()
    counts = links.end()
    assert counts["adopted"] > 0, counts
    links.assert_begun_once()


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def other_host():
    """A network namespace at the end of a cable: (its name, our end, our address)."""
    if os.geteuid() != 0:
        raise Skip("only root may make a network namespace")
    name, net = f"fanfold{os.getpid()}", f"198.18.{os.getpid() % 256}"
    ends = f"ffa{os.getpid()}", f"ffb{os.getpid()}"
    ip("netns", "add", name)
    try:
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1], "netns", name)
        ip("addr", "add", f"{net}.1/24", "dev", ends[0])
        ip("link", "set", ends[0], "up")
        ip("-n", name, "addr", "add", f"{net}.2/24", "dev", ends[1])
        ip("-n", name, "link", "set", ends[1], "up")
        yield name, ends[0], f"{net}.1"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def taken_over(worker):
    """How many tasks it began that another had been given before."""
    return sum(attempt > 1 for _, attempt in worker.noted("begin"))


def test_a_cable_is_pulled_and_put_back(case):
    with other_host() as (name, cable, address):
        links = Links(case, "--liveness", "1", workers=0, host=address, proxies=False)
        enter = ["ip", "netns", "exec", name]
        options = [*links.options, "--tasks", f"tcp://{address}:{links.tasks.target}"]
        far = NotingWorker(case, "far", options, UPPER, wrap=enter)
        near = NotingWorker(case, "near", options, UPPER)
        links.workers = [far, near]
        for _ in range(2):
            links.wait_ended(far)
            case.wait_for(far.unended, "a task to run there")
            hellos = far.process.stderr().count("debug hello")
            before = taken_over(near)
            ip("link", "set", cable, "down")
            case.wait_for(lambda before=before: taken_over(near) > before, "its tasks to be given out again")
            ip("link", "set", cable, "up")
            case.wait_for(
                lambda hellos=hellos: far.process.stderr().count("debug hello") > hellos, "the worker to come back"
            )
            links.wait_ended(far)
        counts = links.end()
        assert counts["lost_sessions"] >= 2, counts
