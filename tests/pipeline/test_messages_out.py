# SPDX-License-Identifier: MIT
"""Results as messages to other programs: each record once, in order, and nobody leaves before the last has left."""

import contextlib
import shutil
import signal

import msgpack
import pytest
import zmq
import zmq.auth
from keyed import make_keys
from messages import Impostor

UPPER = ["--", "tr", "a-z", "A-Z"]

# The ZeroMQ guide's task sink, as it is printed there but for the endpoint.
TASKSINK = '''
import sys
import time
import zmq

context = zmq.Context()
receiver = context.socket(zmq.PULL)
receiver.bind(sys.argv[1])
s = receiver.recv()
tstart = time.time()
total_msec = 0
for task_nbr in range(100):
    s = receiver.recv()
    if task_nbr % 10 == 0:
        sys.stdout.write(':')
    else:
        sys.stdout.write('.')
    sys.stdout.flush()
tend = time.time()
print("Total elapsed time: %d msec" % ((tend - tstart) * 1000))
'''


def lines_of(count):
    return b"".join(b"line %d\n" % number for number in range(count))


@contextlib.contextmanager
def receiver(kind, case=None, **options):
    """A socket and its endpoint."""
    context = zmq.Context()
    socket = context.socket(kind)
    socket.linger = 0
    socket.rcvtimeo = 60000
    for name, value in options.items():
        setattr(socket, name, value)
    if case:
        endpoint = f"ipc://{case.path('out')}"
        socket.bind(endpoint)
    else:
        endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    yield socket, endpoint
    context.destroy(linger=0)


def expect_lines(socket, count):
    for number in range(count):
        assert socket.recv() == b"LINE %d" % number


def expect_no_more(socket):
    assert not socket.poll(0)


def test_each_record_of_a_result_is_a_message(case):
    for kind, word in ((zmq.PULL, "push"), (zmq.DEALER, "dealer")):
        with receiver(kind) as (socket, endpoint):
            run = case.start("fanfold", "-N7", "-j3", "-o", f"{word}:{endpoint}", *UPPER, stdin=lines_of(1000))
            expect_lines(socket, 1000)
            run.expect(0)
            expect_no_more(socket)


@pytest.mark.deadline(180)
def test_what_a_receiver_answers_is_thrown_away(case):
    """A frame that is too long for ZeroMQ would end the connection for good."""
    with receiver(zmq.ROUTER) as (socket, endpoint):
        run = case.start("fanfold", "-N7", "-j2", "-o", f"dealer:{endpoint}", *UPPER, stdin=lines_of(100))
        for number in range(100):
            route, record = socket.recv_multipart()
            assert record == b"LINE %d" % number
            socket.send_multipart([route, b"thanks" * 10000])
        run.expect(0)


@pytest.mark.parametrize("word", ["push", "dealer"])
def test_a_peer_that_is_none_is_named_and_dialled_again(case, word):
    gate = case.gate()
    with Impostor(case.path("out")) as impostor:
        run = case.start(
            *["fanfold", "-j1", "-o", f"{word}:{impostor.endpoint}", "--", "sh", "-c", f": <{gate}; tr a-z A-Z"],
            stdin=lines_of(10),
        )
        impostor.puzzle()
        run.wait_for_stderr(f"the connection to {impostor.endpoint} was closed for what came from there: it is no")
    gate.open()
    with receiver(zmq.PULL if word == "push" else zmq.DEALER, case) as (socket, _):
        expect_lines(socket, 10)
        run.expect(0)


def test_a_run_whose_last_messages_a_peer_refuses_fails(case):
    """ZeroMQ drops them with the connection."""
    with Impostor(case.path("out")) as impostor:
        run = case.start("fanfold", "-j1", "-o", f"push:{impostor.endpoint}", *UPPER, stdin=lines_of(10))
        run.wait_for_stderr("waiting for a receiver")
        impostor.puzzle()
        run.expect(4)
    assert "the last messages are lost: the connection was closed for what came from there" in run.stderr()


def test_a_million_messages_come_in_order(case):
    count = 1000000
    with receiver(zmq.PULL) as (socket, endpoint):
        text = case.file("text", lines_of(count))
        run = case.start("fanfold", "-j2", "-i", text, "-o", f"push:{endpoint}", *UPPER)
        expect_lines(socket, count)
        run.expect(0)
        expect_no_more(socket)


def test_the_guides_task_sink_takes_what_a_run_sends(case):
    endpoint = f"ipc://{case.path('sink')}"
    sink = case.start("/usr/bin/python3", case.file("tasksink.py", TASKSINK.encode()), endpoint)
    case.run("fanfold", "-N9", "-j2", "-o", f"push:{endpoint}", *UPPER, stdin=lines_of(101)).expect(0)
    sink.expect(0)
    assert sink.output().startswith(b":.........:.........")


def test_an_envelope_numbers_the_messages_of_the_run(case):
    with receiver(zmq.PULL) as (socket, endpoint):
        run = case.start("fanfold", "-N7", "-j3", "--envelope", "-o", f"push:{endpoint}", *UPPER, stdin=lines_of(100))
        runs = set()
        for number in range(100):
            envelope, record = socket.recv_multipart()
            name, at = msgpack.unpackb(envelope)
            runs.add(name)
            assert (at, record) == (number, b"LINE %d" % number)
        assert len(runs) == 1 and len(runs.pop()) == 16
        run.expect(0)


def test_records_out_says_what_a_message_is(case):
    with receiver(zmq.PULL) as (socket, endpoint):
        words = ["-N2", "--records-out=whole", "-o", f"push:{endpoint}", "--", "grep", "-v", "b"]
        run = case.start("fanfold", *words, stdin=b"a\nb\nc\nd\nb\n")
        assert [socket.recv(), socket.recv()] == [b"a\n", b"c\nd\n"]
        run.wait()
        expect_no_more(socket)


def test_the_header_of_results_is_the_first_message(case):
    with receiver(zmq.PULL) as (socket, endpoint):
        words = ["-N2", "-j1", "--header-out", 1, "-o", f"push:{endpoint}", "--", "sed", "1i title"]
        run = case.start("fanfold", *words, stdin=b"a\nb\nc\nd\n")
        assert [socket.recv() for _ in range(5)] == [b"title", b"a", b"b", b"c", b"d"]
        run.expect(0)
        expect_no_more(socket)


def test_a_run_that_binds_says_where_and_subscribers_hear_it(case):
    """Nothing is read before somebody listens."""
    for kind, word in ((zmq.PULL, "push"), (zmq.SUB, "pub")):
        gate = case.gate(f"gate-{word}")
        words = ["-N10", "-o", f"{word}:@tcp://127.0.0.1:*", "--", "sh", "-c", f": <{gate}; tr a-z A-Z"]
        run = case.start("fanfold", *words, stdin=lines_of(500))
        endpoint = run.wait_for_stderr(r"sends messages at (tcp://\S+)$")[1]
        run.wait_for_stderr("warning: no --keys-out: anyone who can reach")
        context = zmq.Context()
        socket = context.socket(kind)
        monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(endpoint)
        assert monitor.poll(30000)
        gate.open()
        expect_lines(socket, 500)
        run.expect(0)
        context.destroy(linger=0)


def test_a_publisher_waits_for_nobody(case):
    run = case.run("fanfold", "-o", f"pub:@ipc://{case.path('pub')}", *UPPER, stdin=lines_of(100000))
    run.expect(0)
    assert not case.path("pub").exists()


def test_a_receiver_that_comes_late_gets_all(case):
    endpoint = f"ipc://{case.path('late')}"
    run = case.start("fanfold", "-N10", "-j2", "-o", f"push:{endpoint}", *UPPER, stdin=lines_of(5000))
    run.wait_for_stderr(rf"fanfold-sink: waiting for a receiver at push:{endpoint}$")
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.rcvtimeo = 60000
    socket.bind(endpoint)
    expect_lines(socket, 5000)
    run.expect(0)
    context.destroy(linger=0)


@pytest.mark.parametrize(
    "endpoint, sentence",
    [
        ("tcp://no-such-host.invalid:5558", 'cannot resolve "no-such-host.invalid", a host of -o; trying again'),
        ("ipc:///no/such/socket", 'there is no directory "/no/such", a place of -o; trying again'),
    ],
)
def test_a_receiver_that_cannot_be_there_is_named(case, endpoint, sentence):
    run = case.run("fanfold", "-o", f"push:{endpoint}", "--patience", "1", "-j1", "--", "cat", stdin=b"a\n")
    run.expect(4)
    assert f"fanfold-sink: warning: {sentence}\n" in run.stderr(), run.stderr()


@pytest.mark.parametrize("patience, seconds", [("2", "2"), ("300ms", "0.3")])
def test_a_run_whose_last_messages_nobody_takes_fails(case, patience, seconds):
    words = ["--patience", patience, "-o", f"push:ipc://{case.path('nobody')}", *UPPER]
    run = case.run("fanfold", *words, stdin=lines_of(10))
    run.expect(4)
    assert f"nobody took the last messages in {seconds} s (--patience)" in run.stderr()


# What -o or -i is of a socket that is bound, and more.
BOUND = [
    ["-o", "push:@{}"],
    ["-o", "pub:@{}"],
    ["-o", "push:@{}", "--spool-out", "{spool}"],
    ["-o", "dealer:@{}", "--spool-out", "{spool}"],
    ["-i", "pull:@{}"],
    ["-i", "dealer:@{}", "--spool", "{spool}"],
]
BOUND_IDS = [" ".join(words) for words in BOUND]


def cannot_bind(case, words, endpoint):
    words = [word.format(endpoint, spool=case.path("spool")) for word in words]
    return case.run("fanfold", *words, "-j1", "--", "cat", stdin=b"a\n")


@pytest.mark.parametrize("words", BOUND, ids=BOUND_IDS)
def test_a_place_where_nothing_can_be_bound_is_a_slip_of_usage(case, words):
    for endpoint, why in (
        (f"ipc://{case.path('nowhere')}/out", "No such file or directory"),
        ("tcp://203.0.113.1:5557", "expected an address of this host"),
    ):
        run = cannot_bind(case, words, endpoint)
        run.expect(2)
        assert f"cannot bind {endpoint}: {why}" in run.stderr(), run.stderr()
        shutil.rmtree(case.path("spool"), ignore_errors=True)


@pytest.mark.parametrize("words", BOUND, ids=BOUND_IDS)
def test_a_file_in_the_place_of_a_bound_socket_stays(case, words):
    file = case.file("precious", b"precious")
    run = cannot_bind(case, words, f"ipc://{file}")
    run.expect(2)
    assert "a file that is no socket has this name" in run.stderr()
    assert file.read_bytes() == b"precious"


@pytest.mark.parametrize("words", BOUND, ids=BOUND_IDS)
def test_a_socket_of_another_program_stays_too(case, words):
    with zmq.Context() as context, context.socket(zmq.PULL) as other:
        other.bind(f"ipc://{case.path('taken')}")
        run = cannot_bind(case, words, f"ipc://{case.path('taken')}")
        run.expect(5)
        assert "another program has it" in run.stderr()
        assert case.path("taken").is_socket()
        with context.socket(zmq.PUSH) as peer:
            peer.connect(f"ipc://{case.path('taken')}")
            peer.send(b"hello")
            assert other.recv() == b"hello"


def test_a_path_that_another_program_has_taken_meanwhile_stays(case):
    path = case.path("out")
    run = case.start("fanfold", "-o", f"push:@ipc://{path}", "-j1", "--", "cat", stdin=b"a\n")
    run.wait_for_stderr("waiting for a receiver")
    path.unlink()
    path.write_bytes(b"precious")
    for _ in range(2):
        run.signal(signal.SIGTERM)
        run.wait_for_stderr("a second signal stops it")
    run.expect(143)
    assert path.read_bytes() == b"precious"


def test_a_run_is_interrupted_while_nobody_takes_its_last_messages(case):
    run = case.start("fanfold", "-o", f"push:ipc://{case.path('nobody')}", *UPPER, stdin=lines_of(10))
    run.wait_for_stderr("waiting for a receiver")
    run.signal(signal.SIGINT)
    case.wait_for(lambda: "interrupt" in run.stderr().lower() or not run.running(), "the signal to be heard")
    run.signal(signal.SIGINT)
    run.expect(130)
    assert "killing it" not in run.stderr()


@pytest.mark.parametrize("word", ["push", "dealer"])
def test_a_run_ends_when_a_receiver_whose_queue_is_full_has_read_all(case, word):
    """By ipc:// it would lose what waits in a connection that ends."""
    with receiver(zmq.PULL if word == "push" else zmq.DEALER, case, rcvhwm=1) as (socket, endpoint):
        lines = [b"%0200d" % number for number in range(500)]
        run = case.start("fanfold", "-j2", "-o", f"{word}:{endpoint}", *UPPER, stdin=b"\n".join(lines))
        run.wait_for_stderr(f"waiting for the receiver at {word}:{endpoint} to take the last messages")
        assert [socket.recv() for _ in range(500)] == lines
        run.expect(0)
        expect_no_more(socket)


@pytest.mark.deadline(180)
def test_nothing_is_lost_at_a_receiver_that_stands_still_and_memory_is_bounded(case):
    """It takes some, then none until the run waits for it, then the rest."""
    record = b"x" * 10000
    count = 20000
    text = case.file("text", (record + b"\n") * count)
    with receiver(zmq.PULL, rcvhwm=10) as (socket, endpoint):
        words = ["-j2", "--buffer", "8M", "--block", "256K", "--hwm", 100, "--log-level", "info"]
        run = case.start("fanfold", *words, "-i", text, "-o", f"push:{endpoint}", "--", "cat")
        for _ in range(100):
            assert socket.recv() == record
        run.wait_for_stderr("waits for=output", 60)
        sink = case.pids_of("fanfold-sink")
        assert case.resident_bytes(sink) < 100 << 20, case.resident_bytes(sink)
        for _ in range(count - 100):
            assert socket.recv() == record
        run.expect(0)
        expect_no_more(socket)


def test_messages_are_encrypted_and_come_from_whom_they_should(case):
    keys = make_keys(case)
    public, secret = zmq.auth.load_certificate(keys / "ventilator.key_secret")
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.rcvtimeo = 60000
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = public, secret
    endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    run = case.start("fanfold", "--keys-out", keys, "-o", f"push:{endpoint}", *UPPER, stdin=lines_of(100))
    expect_lines(socket, 100)
    run.expect(0)
    context.destroy(linger=0)


def test_a_bound_output_lets_in_the_keys_that_it_knows(case):
    keys = make_keys(case)
    server = zmq.auth.load_certificate(keys / "ventilator.key")[0]
    run = case.start("fanfold", "--keys-out", keys, "-o", "push:@tcp://127.0.0.1:*", *UPPER, stdin=lines_of(100))
    endpoint = run.wait_for_stderr(r"sends messages at (tcp://\S+)$")[1]
    context = zmq.Context()

    def connect(public, secret):
        socket = context.socket(zmq.PULL)
        socket.rcvtimeo = 60000
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server, public, secret
        monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        socket.connect(endpoint)
        assert monitor.poll(30000)
        return socket, int.from_bytes(monitor.recv_multipart()[0][:2], "little")

    stranger, event = connect(*zmq.curve_keypair())
    assert event == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    stranger.close(0)
    socket, event = connect(*zmq.auth.load_certificate(keys / "worker.key_secret"))
    assert event == zmq.EVENT_HANDSHAKE_SUCCEEDED
    expect_lines(socket, 100)
    run.expect(0)
    assert "warning" not in run.stderr()
    context.destroy(linger=0)


@pytest.mark.parametrize("spooled", [False, True])
def test_a_receiver_whose_key_is_revoked_keeps_its_connection_and_the_run_says_so(case, spooled):
    """ZeroMQ ends no connection for a key."""
    keys, gate = make_keys(case), case.gate()
    case.run("fanfold-keygen", keys, "-w", "other").expect(0)
    with zmq.Context() as context:

        def receiver(name):
            socket = context.socket(zmq.PULL)
            socket.linger = 0
            socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(str(keys / f"{name}.key_secret"))
            socket.curve_serverkey = zmq.auth.load_certificate(str(keys / "ventilator.key"))[0]
            socket.rcvtimeo = 60000
            socket.connect(endpoint)
            return socket

        words = ["--keys-out", keys, "-o", "push:@tcp://127.0.0.1:*", "-N1", "-j1", "--log-level", "warn"]
        words += ["--spool-out", case.path("spool")] if spooled else []
        run = case.start("fanfold", *words, "--", "sh", "-c", f"read x; echo $x; [ $x != b ] || : <{gate}", stdin=b"a\nb\nc\n")
        endpoint = run.wait_for_stderr(r"sends messages at (tcp://\S+)$")[1]
        other = receiver("worker-other")
        assert other.recv() == b"a"
        case.run("fanfold-keygen", keys, "-r", "worker-other").expect(0)
        run.wait_for_stderr(r"warning: a key was revoked \(--keys-out\): nobody gets in with it, but a receiver that is ")
        gate.open()
        assert [other.recv(), other.recv()] == [b"b", b"c"]
        run.expect(0)
        other.close()


def test_what_messages_cannot_have_is_refused(case):
    out = ["-o", "push:tcp://127.0.0.1:9"]
    for words, sentence in (
        ([*out, "--resume"], "--resume needs -o FILE: messages that have left cannot be taken back"),
        ([*out, "--frames-out"], "--frames-out: expected an output of bytes: a message needs no length"),
        (["--envelope"], "--envelope: expected -o with a socket such as push:tcp://host:5558"),
        (["--keys-out=keys"], "--keys-out: expected -o with a socket such as push:tcp://host:5558"),
        (["-o", "pull:tcp://127.0.0.1:9"], "a pull socket only receives: expected push:, pub: or dealer: for an output"),
        (["-o", "push:ws://127.0.0.1:9"], "ws:// is not supported"),
    ):
        run = case.run("fanfold", *words, "--", "cat", stdin=b"")
        run.expect(2)
        assert sentence in run.stderr(), run.stderr()


@pytest.mark.parametrize("count", [10, 20000])
def test_a_receiver_that_never_comes_is_waited_for_as_long_as_patience_lasts(case, count):
    """Also where the run is in its middle, as the socket takes no more."""
    words = ["-o", f"push:ipc://{case.path('nobody')}", "--patience", "1s", "-N100", "-j1"]
    run = case.run("fanfold", *words, "--", "cat", stdin=b"line\n" * count)
    run.expect(4)
    assert "(--patience)" in run.stderr(), run.stderr()
