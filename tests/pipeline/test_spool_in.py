# SPDX-License-Identifier: MIT
"""Messages in a spool: whatever is killed, each that was acknowledged is in the output once.

`pytest test_spool_in.py --runs 100` makes 100 kills in place of the few.
"""

import contextlib
import os
import random
import re
import signal

import pytest
import zmq
from dealer import Producer
from harness import SLOWNESS, option
from process_tree import below
from resuming import kill_everything

KILLS = option("runs", 4 if SLOWNESS > 1 else 8)


class SpoolRun:
    """A run that reads messages by way of a spool, started again after each kill."""

    def __init__(self, case, *more, kind="dealer"):
        self.case = case
        self.endpoint = f"ipc://{case.directory}/in"
        self.spool, self.out = case.path("spool"), case.path("out")
        self.words = ["-i", f"{kind}:@{self.endpoint}", "--spool", self.spool, "-o", self.out, *more]
        self.run = None

    def start(self, *more):
        self.run = self.case.start("fanfold", *self.words, *more, "-j2", "--mode", "lines", "--", "sed", "-u", "s/^/>/")
        return self.run

    def kill_one(self, chance):
        """SIGKILL to one process of the run, or to all; waits until the run is gone."""
        pids = [pid for pid in self.case.reap() if pid != os.getpid()]
        if not pids or chance.random() < 0.4:
            kill_everything(self.case, chance)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)

    def expect_rest(self, producer):
        """What is left of it comes, and then all is there."""
        self.case.wait_for(lambda: producer.pump(0.2) or producer.done(), "the rest")
        producer.close()
        drained(self.run)
        self.expect_all([producer])

    def expect_all(self, producers):
        """Each record once, those of a producer in their order."""
        lines = self.out.read_bytes().splitlines()
        for producer in producers:
            mine = [line for line in lines if line.startswith(b">" + producer.ident + b" ")]
            expected = [b">" + producer.message(number) for number in range(1, producer.total + 1)]
            missing = len(set(expected) - set(mine))
            doubled = len(mine) - len(set(mine))
            assert mine == expected, f"{producer.ident}: {missing} missing, {doubled} doubled of {len(expected)}"
        assert len(lines) == sum(producer.total for producer in producers)


def drained(run):
    """SIGTERM: what has come goes out."""
    run.signal(signal.SIGTERM)
    run.expect(0)


def test_plain_messages_are_dropped_with_a_word_and_a_status(case):
    """Nobody keeps them; what producers of DEALER/1 sent is done, and the spool knows it."""
    run = SpoolRun(case)
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        run.start()
        plain.connect(run.endpoint)
        for number in range(3):
            plain.send(b"plain %d" % number)
        run.run.wait_for_stderr("a message came to dealer:.* that is none of DEALER/1, which --spool needs: dropped it")
        producer = Producer(context, run.endpoint, b"ann", 100)
        while not producer.done():
            producer.pump(0.05)
        producer.socket.send_multipart([b"LATER", b"ann"])
        producer.close()
        run.run.signal(signal.SIGTERM)
        run.run.expect(4)
    assert "dropped 3 messages, none of DEALER/1" in run.run.stderr()
    assert "messages that are none of DEALER/1 were dropped" in run.run.stderr()
    assert run.out.read_bytes() == b"".join(b">" + producer.message(number) + b"\n" for number in range(1, 101))
    with zmq.Context() as context:
        run.start("--resume")
        other = Producer(context, run.endpoint, b"bob", 1)
        while not other.done():
            other.pump(0.05)
        other.close()
        drained(run.run)
    run.expect_all([producer, other])


def test_a_word_of_a_later_version_is_no_loss(case):
    run = SpoolRun(case)
    with zmq.Context() as context:
        run.start()
        producer = Producer(context, run.endpoint, b"ann", 1)
        producer.socket.send_multipart([b"LATER", b"ann"])
        while not producer.done():
            producer.pump(0.05)
        producer.close()
        drained(run.run)
    run.expect_all([producer])


def test_a_producer_of_dealer_1_is_refused_where_there_is_no_spool(case):
    endpoint = f"ipc://{case.directory}/in"
    with zmq.Context() as context:
        run = case.start("fanfold", "-i", f"dealer:@{endpoint}", "-j1", "--", "cat")
        producer = Producer(context, endpoint, b"ann", 1)
        run.expect(4)
        producer.pump(60)
        assert producer.rejected == "this receiver keeps no messages: it needs --spool"
        producer.close()
    assert "message 1: its producer speaks DEALER/1, which needs --spool DIR" in run.stderr()
    assert run.output() == b""


def test_a_producer_among_senders_of_plain_messages_is_refused_too(case):
    """The socket cannot tell them apart; each is told, and one takes notice."""
    endpoint = f"ipc://{case.directory}/in"
    with zmq.Context() as context:
        run = case.start("fanfold", "-i", f"dealer:@{endpoint}", "-N1", "-j1", "--", "cat")
        plain = [context.socket(zmq.DEALER) for _ in range(5)]
        for number, sender in enumerate(plain):
            sender.linger = 0
            sender.connect(endpoint)
            sender.send(b"plain")
            case.wait_for(lambda: run.output().count(b"plain") == number + 1, "the sender to be heard")
        producer = Producer(context, endpoint, b"ann", 1)
        run.expect(4)
        producer.pump(60)
        assert producer.rejected, run.stderr()
        producer.close()
        for sender in plain:
            sender.close()


def test_a_fanfold_that_sends_to_one_without_a_spool_says_so_and_loses_nothing(case):
    endpoint = f"ipc://{case.directory}/in"
    source = case.file("source", b"a\nb\n")
    receiver = case.start("fanfold", "-i", f"dealer:@{endpoint}", "-j1", "--", "cat")
    words = ["-i", source, "-o", f"dealer:{endpoint}", "--spool-out", case.path("spool"), "-j1"]
    sender = case.start("fanfold", *words, "--", "cat")
    receiver.expect(4)
    sender.expect(4)
    assert "the receiver rejects it: this receiver keeps no messages: it needs --spool" in sender.stderr()
    words_in = ["-i", f"dealer:@{endpoint}", "--spool", case.path("kept"), "-j1"]
    receiver = case.start("fanfold", *words_in, "--", "cat")
    again = case.start("fanfold", *words, "--resume", "--", "cat")
    again.expect(0)
    receiver.signal(signal.SIGTERM)
    receiver.expect(0)
    assert receiver.output() == b"a\nb\n"


def test_every_message_that_was_acknowledged_comes_out_once(case):
    run = SpoolRun(case)
    with zmq.Context() as context:
        producers = [Producer(context, run.endpoint, ident, 2000) for ident in (b"ann", b"bob")]
        run.start()
        case.wait_for(lambda: below(run.run.pid, "fanfold-ventilator"[:15], "fanfold-receive"), "its process, by name")
        while not all(producer.done() for producer in producers):
            assert run.run.running(), run.run.stderr()
            for producer in producers:
                producer.pump(0.05)
        for producer in producers:
            producer.close()
    drained(run.run)
    run.expect_all(producers)
    assert max(producer.most for producer in producers) <= 1000


@pytest.mark.deadline(120.0 + 3 * KILLS)
def test_kills_of_anything_lose_and_double_nothing(case):
    chance = random.Random(case.id)
    run = SpoolRun(case, "--spool-size", "256K", "-N", "20")
    with zmq.Context() as context:
        total = 400 * KILLS
        producers = [Producer(context, run.endpoint, ident, total) for ident in (b"ann", b"bob")]
        run.start()
        kills = 0
        while not all(producer.done() for producer in producers) or kills < KILLS:
            for producer in producers:
                if kills < KILLS and producer.have > total * (kills + 1) / KILLS:
                    continue  # some are left for each kill
                producer.pump(chance.uniform(0.01, 0.1))
            if kills < KILLS and chance.random() < 0.3:
                run.kill_one(chance)
                kills += 1
            if not run.run.running():
                assert run.run.wait() != 2, run.run.stderr()
                run.start("--resume")
        for producer in producers:
            producer.close()
        while not run.run.running():
            run.start("--resume")
    run.run.signal(signal.SIGTERM)
    if run.run.wait() != 0:  # the last kill ended it
        run.start("--resume", "--idle", "0.1")
        run.run.expect(0)
    run.expect_all(producers)


def test_a_restarted_producer_learns_where_it_stands(case):
    run = SpoolRun(case)
    with zmq.Context() as context:
        first = Producer(context, run.endpoint, b"ann", 100)
        run.start()
        case.wait_for(lambda: first.pump(0.05) or first.done(), "the first hundred")
        first.close()
        second = Producer(context, run.endpoint, b"ann", 150)  # which begins with number 1
        case.wait_for(lambda: second.pump(0.05) or second.done(), "the rest")
        second.close()
    drained(run.run)
    run.expect_all([second])


def test_a_full_spool_stops_the_producers_and_says_so(case):
    gate = case.gate()
    run = SpoolRun(case, "--spool-size", "64K", "-N", "1", "--window", "2")
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 3000, b"%s %d" + b" filler" * 20)
        run.run = case.start("fanfold", *run.words, "-j1", "--", "sh", "-c", f": <{gate}; sed s/^/\\>/")
        case.wait_for(lambda: producer.pump(0.1) or "the spool is full" in run.run.stderr(), "a full spool")
        held = producer.have
        assert held < producer.total
        assert sum(path.stat().st_size for path in run.spool.iterdir()) < 8 << 20
        gate.open()
        case.wait_for(lambda: producer.pump(0.2) or producer.have > held, "room")
        kill_everything(case)
        run.start("--resume")
        run.expect_rest(producer)


def test_a_full_spool_of_which_all_is_committed_takes_more_when_the_run_resumes(case):
    """The process that receives is stopped, and hears of no commit before all is killed."""
    run = SpoolRun(case, "--spool-size", "64K", "-N", "20")
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 3000, b"%s %d" + b" filler" * 20)
        gate = case.gate()
        words = ["-j1", "--mode", "lines", "--", "sh", "-c", f": <{gate}; exec sed -u s/^/\\>/"]
        run.run = case.start("fanfold", *run.words, *words)
        case.wait_for(lambda: producer.pump(0.1) or "the spool is full" in run.run.stderr(), "a full spool")
        producer.pump(0.5)
        held = producer.have
        (receiver,) = [pid for pid, line in case.leftovers().items() if "--receive" in line]
        os.kill(receiver, signal.SIGSTOP)
        gate.open()
        case.wait_for(lambda: records_committed(case, run.out) == held, "all of it to be committed")
        kill_everything(case)
        run.start("--resume")
        run.expect_rest(producer)


def test_a_message_that_can_be_no_record_is_rejected_with_a_reason(case):
    run = SpoolRun(case)
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 10, b"%s\n%d")
        run.start()
        case.wait_for(lambda: producer.pump(0.05) or producer.rejected, "a REJECT")
        producer.close()
    assert "it has a newline" in producer.rejected
    run.run.expect(4)
    run.run.wait_for_stderr(f"fanfold-ventilator: {run.spool}: .*it has a newline at byte 3, within it")


def test_a_message_that_is_far_too_long_is_rejected_too(case):
    run = SpoolRun(case, "--max-record", "1M")
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 1, b"%s %d " + b"x" * 40_000_000)
        run.start()
        case.wait_for(lambda: producer.pump(0.05) or producer.rejected, "a REJECT")
        producer.close()
    assert "longer than --max-record allows, 1048576" in producer.rejected
    run.run.expect(4)


def test_a_message_that_ends_the_input_ends_it_for_a_resumed_run_too(case):
    run = SpoolRun(case, "--end-message", "ann 50")
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 50)
        run.start()
        case.wait_for(lambda: producer.pump(0.05) or producer.done(), "the end")
        producer.close()
    run.run.expect(0)
    assert len(run.out.read_bytes().splitlines()) == 49
    again = SpoolRun(case, "--idle", "0.1")
    again.out.unlink()
    again.start()
    again.run.expect(0)
    assert again.out.read_bytes() == b"", "the end was committed, too"


def test_a_run_that_begins_takes_what_no_run_has_committed(case):
    run = SpoolRun(case)
    gate = case.gate()
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 30)
        run.run = case.start("fanfold", *run.words, "-j1", "--", "sh", "-c", f": <{gate}; cat")
        case.wait_for(lambda: producer.pump(0.05) or producer.done(), "all to be acknowledged")
        producer.close()
    journal = run.out.with_name(run.out.name + ".fanfold")
    case.wait_for(journal.exists, "the sink")
    kill_everything(case)
    run.out.unlink()
    journal.unlink()
    run.start("--idle", "0.1")
    run.run.expect(0)
    run.expect_all([producer])


def commit_a_hundred(case, run):
    """The run is killed when it has committed some."""
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 100)
        run.start()
        case.wait_for(lambda: producer.pump(0.05) or producer.done(), "the hundred")
        producer.close()
    journal = run.out.with_name(run.out.name + ".fanfold")
    case.wait_for(lambda: journal.exists() and records_committed(case, run.out) > 0, "a commit")
    kill_everything(case)
    return producer


def records_committed(case, out):
    return int(case.run("fanfold-sink", "--committed", "-o", out).output().split()[1])


def test_a_run_resumes_from_no_other_spool_than_its_own(case):
    """Whose entries have the same numbers."""
    first, other = SpoolRun(case), SpoolRun(case)
    other.spool, other.out = case.path("other"), case.path("elsewhere")
    other.words = ["-i", f"dealer:@{other.endpoint}", "--spool", other.spool, "-o", other.out]
    producer = commit_a_hundred(case, first)
    commit_a_hundred(case, other)
    own, first.words[3] = first.words[3], other.spool
    mistaken = first.start("--resume", "--idle", "0.1")
    mistaken.expect(4)
    assert "cannot resume: it is not the spool that the run began with" in mistaken.stderr()
    first.words[3] = own
    first.start("--resume", "--idle", "0.1").expect(0)
    first.expect_all([producer])


def test_a_run_that_has_committed_nothing_resumes_from_no_other_spool_either(case):
    gate = case.gate()
    begun = case.path("begun")
    run = SpoolRun(case)
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 30)
        words = ["-j1", "--mode", "lines", "--", "sh", "-c", f": >{begun}; : <{gate}; cat"]
        run.run = case.start("fanfold", *run.words, *words)
        case.wait_for(lambda: producer.pump(0.05) or (producer.done() and begun.exists()), "all to be acknowledged")
        producer.close()
        case.wait_for(case.path("out.fanfold").exists, "the journal")
    kill_everything(case)
    run.words[3] = case.path("other")
    mistaken = run.start("--resume", "--idle", "0.1")
    mistaken.expect(4)
    assert "cannot resume: it is not the spool that the run began with" in mistaken.stderr()
    run.words[3] = run.spool
    run.start("--resume", "--idle", "0.1").expect(0)
    run.expect_all([producer])


def whole_run(case, run, ident, total):
    """A run that takes so many messages, commits them, and ends."""
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, ident, total)
        run.start()
        case.wait_for(lambda: producer.pump(0.05) or producer.done(), "all of it")
        producer.close()
    drained(run.run)
    return producer


def said_nothing_is_taken(case, run, *more):
    """What it says when it refuses to begin, before it acknowledges a message."""
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"bob", 60)
        refused = run.start(*more)
        case.wait_for(lambda: producer.pump(0.05) or not refused.running(), "its end")
        assert producer.have == 0
        producer.close()
    refused.expect(4)
    return refused.stderr()


def cut_in_half(spool):
    segment = spool / "00000001.spool"
    os.truncate(segment, segment.stat().st_size // 2)


def remove_segments(spool):
    for segment in spool.glob("*.spool"):
        segment.unlink()


def spoil_position(spool):
    (spool / "position").write_bytes(b"garbage, and more of it than a position has bytes")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_in_half, r"spool: it ends before entry \d+, but position says .* before entry 30; restore"),
        (remove_segments, r"spool: it has a position, but its segments \(\*.spool\) are missing: restore"),
        (lambda spool: (spool / "position").unlink(), "spool: position is missing, so that nobody knows"),
        (spoil_position, "spool: position is damaged, so that nobody knows"),
    ],
)
def test_a_spool_that_contradicts_its_position_is_refused_before_it_takes_a_message(case, spoil, sentence):
    run = SpoolRun(case)
    producer = whole_run(case, run, b"ann", 30)
    spoil(run.spool)
    first = run.out.read_bytes()
    for _ in range(2):
        said = said_nothing_is_taken(case, run)
        assert re.search(sentence, said), said
    assert first.count(b"\n") == producer.total


def test_a_position_of_another_spool_is_refused(case):
    run, other = SpoolRun(case), SpoolRun(case)
    other.spool = other.words[3] = case.path("other")
    whole_run(case, run, b"ann", 30)
    whole_run(case, other, b"ann", 20)
    (run.spool / "position").write_bytes((other.spool / "position").read_bytes())
    assert "spool: position is of another spool" in said_nothing_is_taken(case, run)


def test_a_run_resumes_from_no_spool_that_lacks_what_the_run_has_committed(case):
    """Also where messages came since, and took the numbers of those that were lost."""
    run = SpoolRun(case)
    position = run.spool / "position"
    run.start("--idle", "0.1").expect(0)
    run.out.unlink()
    new = position.read_bytes()
    commit_a_hundred(case, run)
    committed = records_committed(case, run.out)
    position.write_bytes(new)  # as where the process that writes it had not heard of the commits
    os.truncate(run.spool / "00000001.spool", SEGMENT_HEAD)
    resumed = run.start("--resume", "--idle", "0.1")
    resumed.expect(4)
    sentence = f"cannot resume: it ends before entry 0, but the run has committed all before entry {committed}"
    assert sentence in resumed.stderr(), resumed.stderr()
    assert "position says that committed messages were lost" in said_nothing_is_taken(case, run, "--resume")


SEGMENT_HEAD = 60  # bytes, of a segment that begins with no producers


def test_ends_with_nothing_between_them_end_a_run_each(case):
    run = SpoolRun(case, "--end-message", "END")
    texts = [b"r1", b"END", b"END", b"r3", b"r4", b"END"]
    outputs = []
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", len(texts))
        producer.message = lambda number: texts[number - 1]
        for _ in range(3):
            run.out.unlink(missing_ok=True)
            run.start()
            case.wait_for(lambda: producer.pump(0.05) or not run.run.running(), "the end")
            run.run.expect(0)
            outputs.append(run.out.read_bytes())
        producer.close()
    assert outputs == [b">r1\n", b"", b">r3\n>r4\n"]


def test_many_who_only_knock_shut_no_producer_out(case):
    run = SpoolRun(case)
    run.start()
    with zmq.Context() as context:
        with context.socket(zmq.DEALER) as stranger:
            stranger.sndhwm = stranger.rcvhwm = 0
            stranger.connect(run.endpoint)
            for number in range(4096):
                stranger.send_multipart([b"HELLO", b"DEALER/1", b"stranger %d" % number])
                assert stranger.poll(60000)
                assert stranger.recv_multipart()[0] == b"HAVE"
        producer = Producer(context, run.endpoint, b"ann", 30)
        case.wait_for(lambda: producer.pump(0.05) or producer.done() or producer.rejected, "all of it")
        assert producer.rejected is None
        producer.close()
    drained(run.run)
    run.expect_all([producer])


def test_one_run_at_a_time_uses_a_spool(case):
    run = SpoolRun(case)
    run.start()
    case.wait_for(lambda: (run.spool / "00000001.spool").exists(), "the spool")
    other = case.run("fanfold", "-i", f"dealer:@ipc://{case.directory}/other", "--spool", run.spool, "--", "cat")
    assert other.status == 4
    assert "another program writes this spool" in other.stderr()
    drained(run.run)


def test_a_push_socket_fills_a_spool_too(case):
    run = SpoolRun(case, kind="pull")
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        left = push.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        push.connect(run.endpoint)
        run.start()
        for number in range(500):
            push.send(b"%d" % number)
        case.wait_for(lambda: sum(1 for _ in run.out.open("rb")) == 500 if run.out.exists() else False, "all of it")
        kill_everything(case)
        assert left.poll(30000)  # what is sent to a run that is gone is lost
        run.start("--resume")
        for number in range(500, 600):
            push.send(b"%d" % number)
        case.wait_for(lambda: sum(1 for _ in run.out.open("rb")) >= 600, "the rest")
        push.close(linger=0)
    drained(run.run)
    assert run.out.read_bytes() == b"".join(b">%d\n" % number for number in range(600))


def test_what_a_subscription_hears_is_in_a_spool(case):
    """Killed before any of it is done, the run has it all when it resumes."""
    gate = case.gate()
    run = SpoolRun(case)
    run.words[1] = f"sub:{run.endpoint}"
    run.words += ["--topic", "a", "-j1", "--mode", "lines", "--", "sh", "-c", f": <{gate}; sed -u s/^/\\>/"]
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.bind(run.endpoint)
        run.run = case.start("fanfold", *run.words)
        assert publisher.poll(30000) and publisher.recv() == b"\1a"
        for number in range(100):
            publisher.send(b"%c %d" % (b"ab"[number % 2], number))
        segment = run.spool / "00000001.spool"
        case.wait_for(lambda: segment.exists() and segment.read_bytes().count(b"a ") == 50, "all of it in the spool")
        publisher.close(linger=0)
    kill_everything(case)
    gate.open()
    case.run("fanfold", "--resume", "--idle", "0.1", *run.words).expect(0)
    assert run.out.read_bytes() == b"".join(b">a %d\n" % number for number in range(0, 100, 2))


def test_options_that_need_a_spool_or_messages_say_so(case):
    assert "--spool is for inputs that are messages" in case.run("fanfold-ventilator", "--spool", "sp").stderr()
    only_size = case.run("fanfold-ventilator", "-i", "pull:tcp://127.0.0.1:1", "--spool-size", "1M")
    assert "--spool-size is for --spool" in only_size.stderr()
