# SPDX-License-Identifier: MIT
"""Messages of other programs as input: each is a record, and what has come is always done."""

import os
import re
import signal
import subprocess
import sys
import threading

import msgpack
import pytest
import zmq
import zmq.auth
from harness import program_path
from input_files import UPPER
from keyed import make_keys
from messages import Impostor, bind, bind_tcp, frame_of, sockets
from process_tree import children_of


def lines_of(count):
    return [b"line %d" % number for number in range(count)]


def send_all(socket, messages):
    for message in messages:
        socket.send(message)


def joined(messages):
    return b"".join(message + b"\n" for message in messages)


def test_a_message_is_a_line_from_a_socket_of_each_kind(case):
    for kind, word in ((zmq.PUSH, "pull"), (zmq.PUB, "sub"), (zmq.DEALER, "dealer")):
        with sockets() as make:
            feeder = make(kind) if kind != zmq.PUB else make(zmq.XPUB)
            endpoint = bind(feeder, case, word)
            run = case.start("fanfold", "-i", f"{word}:{endpoint}", "--end-message", "END", "-j2", *UPPER)
            if kind == zmq.PUB:
                assert feeder.recv() == b"\1"
            send_all(feeder, [*lines_of(300), b"END"])
            run.expect(0)
            assert run.output() == joined(lines_of(300)).upper(), word


def test_a_run_that_binds_says_where_and_merges_its_senders(case):
    with sockets() as make:
        run = case.start(
            *["fanfold", "-i", "pull:@tcp://127.0.0.1:*", "-i", f"pull:@ipc://{case.path('other')}"],
            *["--end-message", "END", "-j2", *UPPER],
        )
        endpoint = run.wait_for_stderr(r"receives messages at (tcp://\S+)$")[1]
        run.wait_for_stderr("warning: no --keys-in: anyone who can reach")
        first, second = make(zmq.PUSH), make(zmq.PUSH)
        first.connect(endpoint)
        case.wait_for(lambda: case.path("other").exists(), "the second socket to be bound")
        second.connect(f"ipc://{case.path('other')}")
        send_all(first, [b"first %d" % number for number in range(100)])
        send_all(second, [b"second %d" % number for number in range(100)])
        case.wait_for(lambda: run.output().count(b"\n") == 200, "all to be done")
        send_all(first, [b"END"])
        run.expect(0)
    lines = run.output().splitlines()
    for word in (b"FIRST", b"SECOND"):
        assert [line for line in lines if line.startswith(word)] == [b"%s %d" % (word, n) for n in range(100)]
    assert not case.path("other").exists()


def test_several_connections_are_one_input(case):
    with sockets() as make:
        feeders = [make(zmq.PUSH) for _ in range(3)]
        ends = [word for number, feeder in enumerate(feeders) for word in ("-i", f"pull:{bind(feeder, case, str(number))}")]
        run = case.start("fanfold", *ends, "-j2", *UPPER)
        for number, feeder in enumerate(feeders):
            send_all(feeder, [b"%d %d" % (number, line) for line in range(50)])
        case.wait_for(lambda: run.output().count(b"\n") == 150, "all to be done")
        run.signal(signal.SIGTERM)
        run.expect(0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_when_all_that_came_is_done(case, number):
    """With status 0, and with a slot in the middle of its work."""
    gate = case.gate()
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start(
            *["fanfold", "-i", f"pull:{bind(feeder, case)}", "-o", case.path("out"), "-j1", "-N1"],
            *["--", "sh", "-c", f"echo >>{case.path('begun')}; : <{gate}; cat"],
        )
        send_all(feeder, lines_of(20))
        case.wait_for(lambda: case.path("begun").exists(), "the first to run")
        run.signal(number)
        run.wait_for_stderr("it finishes what has come; a second signal stops it")
        gate.open()
        run.expect(0)
    assert case.path("out").read_bytes() == joined(lines_of(20))
    assert not case.path("out.fanfold").exists()


# As timeout(1): the program, and then its whole group; but at a line, and not at a time.
TIMEOUT = """
import os, signal, subprocess, sys
program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.readline()
program.send_signal(signal.SIGTERM)
os.kill(0, signal.SIGTERM)
sys.exit(program.wait())
"""


def test_a_timeout_ends_the_run_as_a_signal_does(case):
    gate = case.gate()
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["-i", f"pull:{bind(feeder, case)}", "-o", case.path("out"), "-j1", "-N1"]
        script = f"echo >>{case.path('begun')}; : <{gate}; cat"
        leader = [sys.executable, "-c", TIMEOUT, program_path("fanfold")]
        run = case.start(*leader, *words, "--", "sh", "-c", script, stdin=subprocess.PIPE)
        send_all(feeder, lines_of(20))
        case.wait_for(lambda: case.path("begun").exists(), "the first to run")
        run.stdin.write(b"\n")
        run.stdin.flush()
        run.wait_for_stderr("it finishes what has come; a second signal stops it")
        gate.open()
        run.expect(0)
    assert case.path("out").read_bytes() == joined(lines_of(20))
    assert not case.path("out.fanfold").exists()


def test_the_line_that_runs_dead_letters_again_has_nothing_that_only_messages_have(case):
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["-i", f"pull:{bind(feeder, case)}", "--hwm", "100", "--end-message", "END", "--idle", "60s", "--linger", "1ms"]
        words += ["--spool", case.path("spool"), "--rotate", "1M", "-o", case.path("out"), "--on-error", "skip", "--retries", "1"]
        run = case.start("fanfold", *words, "-j1", "--", "sh", "-c", f"test -e {case.path('well')} && cat")
        send_all(feeder, [*lines_of(5), b"END"])
        run.expect(1)
    line = re.search(r"the command of this run: (fanfold .*)$", run.stderr(), re.M)[1]
    case.file("well", b"")
    again = case.shell(line)
    again.expect(0)
    assert all(line in again.output() for line in lines_of(5))


def test_a_second_signal_stops_it(case):
    gate = case.gate()
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start("fanfold", "-i", f"pull:{bind(feeder, case)}", "-j1", "--", "sh", "-c", f": <{gate}")
        send_all(feeder, lines_of(5))
        case.wait_for(lambda: case.pids_of("sh"), "the first to run")
        run.signal(signal.SIGTERM)
        run.wait_for_stderr("a second signal stops it")
        run.signal(signal.SIGTERM)
        run.expect(143)
    gate.open()


def test_a_run_that_nothing_came_to_ends_well(case):
    run = case.start("fanfold", "-i", f"pull:@ipc://{case.path('feed')}", "-j1", "--", "cat")
    case.wait_for(lambda: case.path("feed").exists() and case.pids_of("fanfold-worker"), "it to be there")
    run.signal(signal.SIGTERM)
    run.expect(0)
    assert run.output() == b""


@pytest.mark.parametrize("spooled", [False, True])
def test_a_signal_that_comes_before_the_run_listens_ends_it_well(case, spooled):
    """As the launcher says that it finishes what has come: whenever that is."""
    more = ["--spool", case.path("spool")] if spooled else []
    for _ in range(10):
        run = case.start("fanfold", "-i", f"pull:@ipc://{case.path('feed')}", *more, "-j1", "--", "cat")
        case.wait_for(lambda: children_of(run.pid, "fanfold-ventila"), "the ventilator to begin")
        run.signal(signal.SIGTERM)
        run.expect(0)


def test_an_idle_input_ends(case):
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start("fanfold", "-i", f"pull:{bind(feeder, case)}", "--idle", "0.3", "-j1", "--", "cat")
        send_all(feeder, lines_of(10))
        run.expect(0)
    assert run.output() == joined(lines_of(10))


def test_an_input_from_where_nothing_came_is_named(case):
    endpoint = f"ipc://{case.path('nobody')}"
    run = case.run("fanfold", "-i", f"pull:{endpoint}", "--idle", "200ms", *UPPER)
    run.expect(0)
    assert f"no message has come yet from {endpoint}" in run.stderr(), run.stderr()


def test_a_host_that_nobody_knows_is_named(case):
    run = case.start("fanfold", "-i", "pull:tcp://no-such-host.invalid:5557", "--quiet", "-j1", "--", "cat")
    run.wait_for_stderr('^fanfold-ventilator: warning: cannot resolve "no-such-host.invalid", a host of -i; trying again$')
    run.signal(signal.SIGTERM)
    run.expect(0)


def test_a_directory_that_is_not_there_is_named(case):
    run = case.start("fanfold", "-i", "pull:ipc:///no/such/socket", "--quiet", "-j1", "--", "cat")
    run.wait_for_stderr('^fanfold-ventilator: warning: there is no directory "/no/such", a place of -i; trying again$')
    run.signal(signal.SIGTERM)
    run.expect(0)


def test_messages_of_any_bytes_are_frames(case):
    payloads = [b"", b"a\nb", b"\0" * 5, os.urandom(3 << 20), b"x" * 255]
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start(
            *["fanfold", "-i", f"pull:{bind(feeder, case)}", "--format", "frames", "--end-message", "END"],
            *["-j2", "--", "cat"],
        )
        send_all(feeder, [*payloads, b"END"])
        run.expect(0)
    assert run.output() == b"".join(map(frame_of, payloads))


def test_a_message_that_would_be_two_records_ends_the_run(case):
    with sockets() as make:
        feeder = make(zmq.PUSH)
        endpoint = bind(feeder, case)
        run = case.start("fanfold", "-i", f"pull:{endpoint}", "-j1", "--", "cat")
        send_all(feeder, [b"good", b"a\nb", b"never"])
        run.expect(4)
    assert run.output() == b"good\n"
    assert f"pull:{endpoint}: message 2: it has a newline at byte 1" in run.stderr()
    assert "--format frames" in run.stderr()


def test_a_message_that_is_too_long_ends_the_run(case):
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start(
            "fanfold", "-i", f"pull:{bind(feeder, case)}", "--max-record", "100", "-j1", "--", "cat"
        )
        send_all(feeder, [b"x" * 99, b"y" * 100])
        run.expect(4)
    assert run.output() == b"x" * 99 + b"\n"
    assert "message 2: it is a record of 101 bytes, longer than --max-record allows, 100" in run.stderr()


@pytest.mark.parametrize("binds", [False, True])
def test_a_message_that_is_far_too_long_ends_the_run_too(case, binds):
    """ZeroMQ would close its connection without a word, and what was in it would be lost."""
    with sockets() as make:
        feeder = make(zmq.PUSH)
        endpoint = f"@ipc://{case.path('feed')}" if binds else bind(feeder, case)
        run = case.start("fanfold", "-i", f"pull:{endpoint}", "--max-record", "1M", "-j1", "--", "cat")
        if binds:
            feeder.connect(endpoint[1:])
        send_all(feeder, [b"one", b"two", b"x" * 40_000_000, b"after"])
        run.expect(4)
    assert run.output() == b"one\ntwo\n"
    assert "message 3: it is a record of 40000001 bytes, longer than --max-record allows, 1048576" in run.stderr()


def test_a_connection_that_ends_for_what_came_ends_the_run(case):
    """A sender whose frame is longer than any: ZeroMQ does not connect again, and says nothing."""
    with Impostor(case.path("feed")) as impostor:
        run = case.start("fanfold", "-i", f"pull:{impostor.endpoint}", "--idle", "1", "-j1", "--", "cat")
        impostor.greet()
        impostor.send(b"\0\5whole" + b"\2" + (1 << 40).to_bytes(8, "big"))
        run.expect(4)
    assert run.output() == b"whole\n"
    assert f"the connection to {impostor.endpoint} was closed for what came from there" in run.stderr()


@pytest.mark.parametrize("place", [bind, lambda sender, _: bind_tcp(sender)])
def test_a_sender_that_leaves_does_not_end_the_run(case, place):
    """Nor does it once it is clear that it is gone; both by the name that was given and by libzmq's."""
    with sockets() as make:
        feeder = make(zmq.PUSH)
        endpoint = place(feeder, case).replace("127.0.0.1", "localhost")
        run = case.start("fanfold", "-i", f"pull:{endpoint}", "--idle", "3", "-j1", "--", "cat")
        send_all(feeder, [b"one"])
        case.wait_for(lambda: run.output() == b"one\n", "the first to be done")
        feeder.close()
        run.expect(0)
    assert "was closed" not in run.stderr()


@pytest.mark.parametrize("kind", ["pull", "dealer"])
def test_a_peer_that_is_none_is_named_and_dialled_again(case, kind):
    """Where something else answers first, and the sender comes later."""
    spool = ["--spool", case.path("spool")] if kind == "dealer" else []
    with Impostor(case.path("feed")) as impostor:
        run = case.start(
            "fanfold", "-i", f"{kind}:{impostor.endpoint}", *spool, "--end-message", "END", "-j1", "--", "cat"
        )
        impostor.puzzle()
        run.wait_for_stderr(f"the connection to {impostor.endpoint} was closed for what came from there: it is no")
    with sockets() as make:
        feeder = make(zmq.PUSH if kind == "pull" else zmq.DEALER)
        bind(feeder, case)
        if kind == "pull":
            send_all(feeder, [b"line", b"END"])
        else:
            number = [(n).to_bytes(8, "big") for n in range(3)]
            feeder.send_multipart([b"DATA", b"ann", number[1], b"line"])
            feeder.send_multipart([b"DATA", b"ann", number[2], b"END"])
        run.expect(0)
    assert run.output() == b"line\n"


def test_frames_of_a_message_become_an_array_or_are_joined_or_picked(case):
    parts = [b"topic", b"", b"body"]
    cases = [
        (["--format", "frames"], frame_of(msgpack.packb(parts, use_bin_type=True))),
        (["--frame-sep", r"\t"], b"topic\t\tbody\n"),
        (["--frame-sep", ""], b"topicbody\n"),
        (["--frame", "3"], b"body\n"),
    ]
    for number, (options, expected) in enumerate(cases):
        with sockets() as make:
            feeder = make(zmq.PUSH)
            run = case.start(
                *["fanfold", "-i", f"pull:{bind(feeder, case, str(number))}", *options, "--idle", "0.3"],
                *["-j1", "--", "cat"],
            )
            feeder.send_multipart(parts)
            run.expect(0)
        assert run.output() == expected, options


@pytest.mark.parametrize("spooled", [False, True])
def test_a_message_of_a_hundred_thousand_frames_is_one_record(case, spooled):
    parts = [b"%d" % number for number in range(100_000)]
    more = ["--spool", case.path("spool")] if spooled else []
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["-i", f"pull:{bind(feeder, case)}", "--frame-sep", ",", "--end-message", "END", *more]
        run = case.start("fanfold", *words, "-j1", "--", "cat")
        feeder.send_multipart(parts)
        feeder.send(b"END")
        run.expect(0)
    assert run.output() == b",".join(parts) + b"\n"


@pytest.mark.parametrize("spooled", [False, True])
def test_an_end_needs_no_frame_beside_it(case, spooled):
    more = ["--spool", case.path("spool")] if spooled else []
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["-i", f"pull:{bind(feeder, case)}", "--frame", "2", "--end-message", "END", *more]
        run = case.start("fanfold", *words, "-j1", "--", "cat")
        feeder.send_multipart([b"topic", b"body"])
        feeder.send(b"END")
        run.expect(0)
    assert run.output() == b"body\n"


def test_a_frame_that_is_not_there_ends_the_run(case):
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start("fanfold", "-i", f"pull:{bind(feeder, case)}", "--frame", "2", "-j1", "--", "cat")
        feeder.send(b"alone")
        run.expect(4)
    assert "message 1: it has 1 frame, and --frame asks for frame 2" in run.stderr()


def test_a_topic_picks_messages(case):
    with sockets() as make:
        feeder = make(zmq.XPUB)
        run = case.start(
            *["fanfold", "-i", f"sub:{bind(feeder, case)}", "--topic", "a", "--topic", "bc"],
            *["--end-message", "aEND", "-j1", "--", "cat"],
        )
        assert sorted([feeder.recv(), feeder.recv()]) == [b"\1a", b"\1bc"]
        send_all(feeder, [b"a1", b"b2", b"bc3", b"c4", b"aEND"])
        run.expect(0)
    assert run.output() == b"a1\nbc3\n"


@pytest.mark.parametrize("spooled", [False, True])
def test_what_a_subscriber_did_not_get_is_counted(case, spooled):
    more = ["--spool", case.path("spool")] if spooled else []
    with sockets() as make:
        publisher = make(zmq.XPUB)
        run = case.start(
            *["fanfold", "-i", f"sub:{bind(publisher, case)}", "--sub-seq", "frame:2:be", "--frame", "3", *more],
            *["--end-message", "END", "-j1", "--", "cat"],
        )
        assert publisher.recv() == b"\1"
        for topic, number in ((b"a", 1), (b"b", 70), (b"a", 2), (b"b", 71), (b"a", 6), (b"a", 7), (b"b", 80), (b"b", 1)):
            publisher.send_multipart([topic, number.to_bytes(8, "big"), b"%s%d" % (topic, number)])
        publisher.send_multipart([b"", b"", b"END"])
        run.expect(0)
    assert run.output() == b"a1\nb70\na2\nb71\na6\na7\nb80\nb1\n"
    assert run.stderr().count("warning: 3 messages before number 6 of a did not come: ") == 1, run.stderr()
    assert "fanfold-ventilator: 11 messages of the publisher did not come, in 2 places (--sub-seq)\n" in run.stderr()


def numbered(case, texts, *words, status=0):
    """What a run says to messages whose second field is a number."""
    with sockets() as make:
        publisher = make(zmq.XPUB)
        run = case.start(
            *["fanfold", "-i", f"sub:{bind(publisher, case)}", "--sub-seq", "2", *words],
            *["--end-message", "END", "-j1", "--", "cat"],
        )
        assert publisher.recv() == b"\1"
        send_all(publisher, [*(text.encode() for text in texts), b"END"])
        run.expect(status)
        publisher.close()
    return run.stderr()


def test_numbers_that_come_late_are_not_missing(case):
    said = numbered(case, ["a 1", "a 2", "a 4", "a 3", "a 5"])
    assert "1 message came after later ones; none is missing (--sub-seq)\n" in said
    assert "of the publisher did not come" not in said


def test_a_publisher_that_begins_anew_is_said(case):
    said = numbered(case, ["a 100", "a 102", "a 1", "a 2"])
    assert "warning: numbers of a went back from 102 to 1: the publisher was started again, or several " in said
    assert ": 1 message of the publisher did not come, in 1 place (--sub-seq)\n" in said
    assert ": numbers went back 1 time: what was lost there is not counted, and the count is wrong if " in said


def test_what_several_publishers_number_alike_is_not_counted(case):
    """Two that connect to a bound socket: their numbers interleave."""
    with sockets() as make:
        path = case.path("feed")
        run = case.start(
            *["fanfold", "-i", f"sub:@ipc://{path}", "--sub-seq", "2", "--end-message", "END", "-j1", "--", "cat"]
        )
        case.wait_for(path.exists, "it to be bound")
        publishers = make(zmq.XPUB), make(zmq.XPUB)
        for publisher in publishers:
            publisher.connect(f"ipc://{path}")
            assert publisher.recv() == b"\1"
        for number in range(1, 20):
            for publisher, first in zip(publishers, (0, 1000)):
                publisher.send(b"a %d" % (first + number))
                case.wait_for(lambda: run.output().endswith(b"a %d\n" % (first + number)), "it to come")
        publishers[0].send(b"END")
        run.expect(0)
    said = run.stderr()
    assert "warning: several publishers have numbers of a: what is lost of them cannot be counted" in said, said
    assert ": nothing is counted of 1 topic that several publishers number (--sub-seq)\n" in said
    assert "of the publisher did not come" not in said


@pytest.mark.parametrize("spooled", [False, True])
def test_what_is_lost_between_two_runs_is_said_not_to_be_counted(case, spooled):
    words = ["-o", case.path("out"), *(["--spool", case.path("spool")] if spooled else [])]
    said = "--sub-seq counts from the first message on that comes now: what was lost since the run before this one is not "
    assert said not in numbered(case, ["a 1", "a"], *words, status=4)
    assert said in numbered(case, ["a 9"], *words, "--resume", *([] if spooled else ["--from-committed"]))
    assert case.path("out").read_bytes() == b"a 1\na 9\n"


@pytest.mark.parametrize("spooled", [False, True])
def test_a_message_without_its_number_ends_a_run_that_has_done_those_before(case, spooled):
    words = ["--spool", case.path("spool")] if spooled else []
    said = numbered(case, ["a 1", "a 2", "a"], "-o", case.path("out"), *words, status=4)
    assert "message 3: it has no number where --sub-seq says" in said
    assert case.path("out").read_bytes() == b"a 1\na 2\n"


def test_a_sender_is_held_back_by_a_run_that_is_slow(case):
    """And nothing is lost."""
    gate = case.gate()
    with sockets() as make:
        feeder = make(zmq.PUSH, sndhwm=10)
        run = case.start(
            *["fanfold", "-i", f"pull:{bind(feeder, case)}", "--hwm", "10", "--buffer", "1M", "--window", "4"],
            *["--end-message", "END", "-j1", "--", "sh", "-c", f": <{gate}; cat"],
        )
        sent = 0
        message = b"x" * 20000
        feeder.sndtimeo = 1000
        while sent < 100000:
            try:
                feeder.send(message)
            except zmq.Again:
                break
            sent += 1
        assert sent < 100000, "nobody held the sender back"
        gate.open()
        feeder.sndtimeo = -1
        feeder.send(b"END")
        run.expect(0)
    assert run.output() == (message + b"\n") * sent


def test_a_hundred_thousand_messages_stay_in_order(case):
    messages = lines_of(100000)
    with sockets() as make:
        feeder = make(zmq.PUSH)
        run = case.start(
            *["fanfold", "-i", f"pull:{bind_tcp(feeder)}", "--end-message", "END", "-j2"],
            *["--mode", "lines", "--", "cat"],
        )
        thread = threading.Thread(target=send_all, args=(feeder, [*messages, b"END"]))
        thread.start()
        run.expect(0)
        thread.join()
    assert run.output() == joined(messages)


def test_wrong_words_are_refused_with_a_sentence(case):
    wrong = [
        (["-i", "push:tcp://a:1"], "push:tcp://a:1: a push socket only sends"),
        (["-i", "pull:ws://a:1"], "ws:// is not supported"),
        (["-i", "rep:tcp://a:1"], "'rep' is no kind of socket"),
        (["-i", "pull:ipc://a", "-i", "sub:ipc://b"], "sockets of one kind"),
        (["-i", "pull:ipc://a", "-i", "file"], "messages alone or files alone"),
        (["-i", "pull:ipc://a", "--topic", "x"], "--topic is for sub: alone"),
        (["-i", "pull:ipc://a", "--sub-seq", "1"], "--sub-seq is for sub: alone"),
        (["-i", "sub:ipc://a", "-i", "sub:ipc://b", "--sub-seq", "1"], "--sub-seq: expected one -i"),
        (["-i", "sub:ipc://a", "--sub-seq", "frame:0"], "--sub-seq: 'frame:0': expected the number of a field, or a frame"),
        (["--sub-seq", "1"], "--sub-seq is for inputs that are messages"),
        (["-i", "pull:ipc://a", "--format", "csv"], "expected --format lines, nul or frames"),
        (["-i", "pull:ipc://a", "-L", "2"], "a message is one record"),
        (["-i", "pull:ipc://a", "--header", "1"], "messages have no header lines"),
        (["-i", "pull:ipc://a", "--frame", "1", "--frame-sep", ","], "contradict each other"),
        (["-i", "pull:ipc://a", "--dry-run"], "--dry-run would take the messages"),
        (["-i", "pull:ipc://a", "--resume"], "--resume --from-committed continues"),
        (["--hwm", "5"], "--hwm is for inputs that are messages"),
        (["--linger", "x"], "--linger: 'x': expected a duration, such as 5ms"),
        (["--linger", "5ms", "--latency", "5ms"], "--latency excludes --linger"),
        (["-i", "pull:@tcp://203.0.113.1:5557"], "cannot bind tcp://203.0.113.1:5557: expected an address of this host"),
    ]
    both = ["--hwm", "5"], "--hwm is for an input or an output that is messages"
    for program, words, sentence in [*(("fanfold-ventilator", *row) for row in wrong), ("fanfold", *both)]:
        run = case.run(program, *words, *(["cat"] if program == "fanfold" else []), stdin=b"")
        assert run.status == 2, (words, run.status)
        assert sentence in run.stderr(), (words, run.stderr())


# ---- paths ----


@pytest.mark.parametrize("words", [["-i", "pull:@ipc://{}", "--idle", "1ms"], ["--tasks", "ipc://{}"]])
def test_a_file_that_a_socket_would_replace_stays(case, words):
    file = case.path("precious")
    file.write_bytes(b"precious")
    run = case.start("fanfold-ventilator", *(word.format(file) for word in words), stdin=b"")
    run.expect(2)
    assert "a file that is no socket has this name" in run.stderr()
    assert file.read_bytes() == b"precious"


def test_a_run_that_cannot_bind_leaves_the_path_to_the_run_that_could(case):
    path = case.path("feed")
    words = ["fanfold", "-i", f"pull:@ipc://{path}", "--end-message", "END", "-j1", "--", "cat"]
    first = case.start(*words)
    case.wait_for(path.exists, "the first to be bound")
    second = case.start(*words)
    second.wait()
    assert "another program has it" in second.stderr()
    with sockets() as make:
        feeder = make(zmq.PUSH)
        feeder.connect(f"ipc://{path}")
        send_all(feeder, [b"here", b"END"])
        first.expect(0)
    assert first.output() == b"here\n"


def test_the_next_run_has_the_path_while_the_one_before_still_works(case):
    path, gate = case.path("feed"), case.gate()
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["fanfold", "-i", f"pull:@ipc://{path}", "--end-message", "END", "-j1", "--"]
        first = case.start(*words, "sh", "-c", f": <{gate}; cat")
        case.wait_for(path.exists, "the first to be bound")
        feeder.connect(f"ipc://{path}")
        feeder.send(b"first")
        case.wait_for(lambda: case.pids_of("sh"), "the first to run")
        feeder.close()
        first.signal(signal.SIGTERM)
        case.wait_for(lambda: not path.exists(), "the first to have left the path")
        second = case.start(*words, "cat")
        case.wait_for(path.exists, "the second to be bound")
        gate.open()
        first.expect(0)
        assert first.output() == b"first\n"
        feeder = make(zmq.PUSH)
        feeder.connect(f"ipc://{path}")
        send_all(feeder, [b"second", b"END"])
        second.expect(0)
    assert second.output() == b"second\n"


# ---- keys ----


def curve_of(directory, role):
    return zmq.auth.load_certificate(str(directory / f"{role}.key_secret"))


def secured(make, kind, public, secret, server=None):
    """A socket that binds, or one that connects to who has the key `server`."""
    socket = make(kind, curve_publickey=public, curve_secretkey=secret)
    if server:
        socket.curve_serverkey = server
    else:
        socket.curve_server = True
    return socket


def test_a_bound_socket_with_keys_takes_messages_of_known_ones_alone(case):
    keys, others = make_keys(case), make_keys(case, "others")
    with sockets() as make:
        run = case.start(
            *["fanfold", "-i", "pull:@tcp://127.0.0.1:*", "--keys-in", keys, "--log-level", "warn"],
            *["--end-message", "END", "-j1", "--", "cat"],
        )
        endpoint = run.wait_for_stderr(r"receives messages at (tcp://\S+)$")[1]
        server = zmq.auth.load_certificate(str(keys / "ventilator.key"))[0]
        stranger = secured(make, zmq.PUSH, *curve_of(others, "worker"), server)
        stranger.connect(endpoint)
        stranger.send(b"stranger")
        open_one = make(zmq.PUSH)
        open_one.connect(endpoint)
        open_one.send(b"open")
        run.wait_for_stderr("refused at=input .*unknown key")
        known = secured(make, zmq.PUSH, *curve_of(keys, "worker"), server)
        known.connect(endpoint)
        send_all(known, [b"known", b"END"])
        run.expect(0)
    assert run.output() == b"known\n"
    assert "warning: no --keys-in" not in run.stderr()


def test_a_socket_that_connects_with_keys_expects_the_key_of_who_binds(case):
    keys = make_keys(case)
    with sockets() as make:
        feeder = secured(make, zmq.PUSH, *curve_of(keys, "ventilator"))
        endpoint = bind_tcp(feeder)
        run = case.start(
            *["fanfold", "-i", f"pull:{endpoint}", "--keys-in", keys, "--end-message", "END", "-j1", "--", "cat"]
        )
        send_all(feeder, [b"known", b"END"])
        run.expect(0)
    assert run.output() == b"known\n"


def test_a_sender_whose_key_is_revoked_is_heard_no_more(case):
    """On the connection that it has: the handshake is over."""
    keys = make_keys(case)
    case.run("fanfold-keygen", keys, "-w", "other").expect(0)
    with sockets() as make:
        run = case.start(
            *["fanfold", "-i", "pull:@tcp://127.0.0.1:*", "--keys-in", keys, "--log-level", "info"],
            *["--end-message", "END", "-j1", "--", "cat"],
        )
        endpoint = run.wait_for_stderr(r"receives messages at (tcp://\S+)$")[1]
        server = zmq.auth.load_certificate(str(keys / "ventilator.key"))[0]
        good, bad = [secured(make, zmq.PUSH, *curve_of(keys, role), server) for role in ("worker", "worker-other")]
        for sender in (good, bad):
            sender.connect(endpoint)
        bad.send(b"before")
        case.wait_for(lambda: run.output() == b"before\n", "the sender to be heard")
        case.run("fanfold-keygen", keys, "-r", "worker-other").expect(0)
        run.wait_for_stderr(" key_revoked role=worker")
        bad.send_multipart([b"after", b"it"])
        send_all(bad, [b"after", b"END"])
        run.wait_for_stderr("refused at=input .*its key is revoked")
        send_all(good, [b"good", b"END"])
        run.expect(0)
    assert run.output() == b"before\ngood\n"
