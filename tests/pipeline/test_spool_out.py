# SPDX-License-Identifier: MIT
"""Records in an outgoing spool: whatever is killed, the receiver has each once, in order.

`pytest test_spool_out.py --runs 100` makes 100 kills in place of the few.
"""

import contextlib
import os
import random
import re
import signal
import struct
import subprocess
import sys

import msgpack
import pytest
import zmq
import zmq.auth
from dealer import Producer, Receiver
from harness import SLOWNESS, option
from keyed import make_keys
from resuming import kill_everything

KILLS = option("runs", 4 if SLOWNESS > 1 else 8)

# CONNECTOR/1 out, from the text: keeps the records in a file, each synced before it is stored.
CONNECTOR = """
import os, sys
path = sys.argv[1]
stream, out = sys.stdin.buffer, sys.stdout
word, run, following = stream.readline().split()
assert word == b"run"
file = open(path, "ab+")
file.seek(0)
have = sum(1 for line in file if line.endswith(b"\\n"))
print("have", have, flush=True)
with open(path + ".starts", "a") as starts:
    print(run.decode(), following.decode(), have, file=starts)
crash = int(sys.argv[2])
count = 0
while head := stream.readline():
    number, length = map(int, head.split())
    record = stream.read(length)
    if len(record) < length:
        break
    assert number == have, (number, have)
    file.write(record + b"\\n")
    file.flush()
    have += 1
    count += 1
    if count == crash:
        os._exit(1)
    print("stored", number, flush=True)
"""


def lines_of(count):
    return b"".join(b"line %d\n" % number for number in range(count))


def words_of(case, *more, receiver=None):
    endpoint = f"ipc://{case.directory}/out"
    return ["-o", receiver or f"dealer:{endpoint}", "--spool-out", case.path("spool"), *more]


def test_a_receiver_has_every_record_once_and_in_order(case):
    source = case.file("in", lines_of(5000))
    books = {}
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        run = case.start("fanfold", "-i", source, *words_of(case), "-j2", "-N", "100", "--", "cat")
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert list(books.values()) == [[[line] for line in source.read_bytes().splitlines()]]


def test_a_record_behind_a_long_silence_is_sent_once(case):
    books = {}
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        run = case.start("fanfold", *words_of(case), "-j1", "-N", "1", "--", "cat", stdin=subprocess.PIPE)
        for number in range(2):
            run.stdin.write(b"line %d\n" % number)
            run.stdin.flush()
            case.wait_for(lambda number=number: receiver.pump(0.1) or len(next(iter(books.values()), [])) > number, "it")
            receiver.pump(2.2)  # more than a sender waits for an answer
        run.stdin.close()
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert receiver.drops == 0


def test_a_receiver_that_ends_before_it_has_stored_the_last_record_gets_it_again(case):
    endpoint, books = f"ipc://{case.directory}/out", {}
    with zmq.Context() as context:
        first = Receiver(context, endpoint, books)
        run = case.start("fanfold", *words_of(case), "-j1", "--", "cat", stdin=b"line\n")
        while (frames := first.socket.recv_multipart())[1] == b"HELLO":
            first.have(frames[0], frames[3])
        assert frames[1] == b"DATA" and frames[-1] == b"line"
        first.close()
        second = Receiver(context, endpoint, books)
        case.wait_for(lambda: second.pump(0.1) or not run.running(), "the end")
        second.close()
    run.expect(0)
    assert list(books.values()) == [[[b"line"]]]


def test_an_envelope_says_run_and_number(case):
    source = case.file("in", lines_of(300))
    books = {}
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        run = case.start("fanfold", "-i", source, *words_of(case, "--envelope"), "-j2", "-N", "10", "--", "cat")
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    ((ident, payloads),) = books.items()
    for number, (envelope, record) in enumerate(payloads):
        assert msgpack.unpackb(envelope) == [bytes.fromhex(ident.decode()), number]
        assert record == b"line %d" % number
    assert len(payloads) == 300


def test_the_run_waits_for_a_receiver_and_says_for_whom(case):
    source = case.file("in", lines_of(100))
    books = {}
    run = case.start("fanfold", "-i", source, *words_of(case), "-j2", "-N", "10", "--", "cat")
    run.wait_for_stderr(f"waiting for a receiver at dealer:ipc://{case.directory}/out")
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert sum(map(len, books.values())) == 100


def test_a_long_reason_of_a_receiver_is_heard(case):
    with zmq.Context() as context:
        receiver = context.socket(zmq.ROUTER)
        receiver.linger = 0
        receiver.bind(f"ipc://{case.directory}/out")
        run = case.start("fanfold", *words_of(case), "-j1", "--", "cat", stdin=lines_of(10))
        assert receiver.poll(60000)
        route, _, _, ident = receiver.recv_multipart()
        receiver.send_multipart([route, b"REJECT", ident, b"no room " * 50000])
        run.expect(4)
        receiver.close()
    assert "the receiver rejects it: no room no room" in run.stderr()


def test_a_long_frame_of_a_later_version_is_ignored(case):
    books = {}

    class Later(Receiver):
        def answer(self, route, word, *rest):
            super().answer(route, word, *rest, *[b"more" * 50000] * (word == b"HAVE"))

    with zmq.Context() as context:
        receiver = Later(context, f"ipc://{case.directory}/out", books)
        run = case.start("fanfold", *words_of(case), "-j2", "-N", "10", "--", "cat", stdin=lines_of(100))
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert sum(map(len, books.values())) == 100


def test_a_receiver_whose_answer_is_longer_than_any_is_dialled_again(case):
    """Another may stand there afterwards."""
    books = {}
    with zmq.Context() as context:
        bad = context.socket(zmq.ROUTER)
        bad.linger = 0
        bad.bind(f"ipc://{case.directory}/out")
        run = case.start("fanfold", *words_of(case), "-j1", "--", "cat", stdin=lines_of(10))
        assert bad.poll(60000)
        bad.send_multipart([bad.recv_multipart()[0], b"REJECT", b"x" * 2_000_000])
        run.wait_for_stderr("was closed for what came from there: too long a message")
        bad.close()
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert sum(map(len, books.values())) == 10


def kill_one(case, chance):
    pids = [pid for pid in case.reap() if pid != os.getpid()]
    if not pids or chance.random() < 0.4:
        kill_everything(case, chance)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(pids), signal.SIGKILL)


@pytest.mark.deadline(120.0 + 3 * KILLS)
def test_kills_of_anything_lose_and_double_nothing_at_the_receiver(case):
    chance = random.Random(case.id)
    total = 1500 * KILLS
    source = case.file("in", lines_of(total))
    books, kills, more = {}, 0, []
    words = ["-i", source, *words_of(case, "--spool-out-size", "16K"), "-j2", "-N", "20", "--mode", "lines"]

    def leaves_some():
        """For each kill that is to come."""
        return kills >= KILLS or sum(map(len, books.values())) < total * (kills + 1) / (KILLS + 2)

    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books, credit=300)
        while True:
            run = case.start("fanfold", *words, *more, "--", "cat")
            more = ["--resume"]
            while run.running() and (kills >= KILLS or (leaves_some() and chance.random() < 0.8)):
                receiver.pump(chance.uniform(0.01, 0.08), leaves_some)
            if not run.running():
                status = run.wait()
                if status == 0 or (status == 2 and "it is complete" in run.stderr()):
                    break  # what was killed last had nothing left to do
                assert status != 2, run.stderr()
                kill_everything(case)
                continue
            kills += 1
            kill_one(case, chance)
            if chance.random() < 0.3:  # and the receiver, whose books are durable
                receiver.close()
                receiver = Receiver(context, f"ipc://{case.directory}/out", books, credit=300)
            case.wait_for(lambda: (leaves_some() and receiver.pump(0.05, leaves_some)) or not run.running() or chance.random() < 0.05, "the run to end")
            if not run.running() and run.wait() == 0:
                break  # what was killed was not needed any more
            kill_everything(case)
        receiver.close()
    assert kills >= KILLS, kills
    assert list(books.values()) == [[[line] for line in source.read_bytes().splitlines()]]


def test_a_full_spool_stops_the_sink_and_what_is_stored_is_given_back(case):
    source = case.file("in", b"".join(b"%0200d\n" % number for number in range(60000)))
    books = {}
    run = case.start("fanfold", "-i", source, *words_of(case, "--spool-out-size", "1M"), "-j2", "--", "cat")
    run.wait_for_stderr("the spool is full")
    results = case.path("spool") / "results"
    assert results.stat().st_size < 9 << 20
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end", 120)
        receiver.close()
    run.expect(0)
    assert [payload[0] for payload in next(iter(books.values()))] == source.read_bytes().splitlines()
    assert results.stat().st_blocks * 512 < 8 << 20, "holes"


def test_a_spool_without_its_position_sends_nothing_that_it_does_not_have(case):
    """What was given back reads as zeros."""
    source = case.file("in", b"".join(b"%0200d\n" % number for number in range(60000)))
    words = ["-i", source, *words_of(case), "-j2", "--", "cat"]
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", {})
        case.start("fanfold", *words)
        position = case.path("spool") / "position"

        def stored():
            receiver.pump(0.05)
            return position.exists() and int.from_bytes(position.read_bytes()[16:24], "little")

        case.wait_for(lambda: stored() > 6 << 20, "half of it to be stored")
        kill_everything(case)
        receiver.close()
    results = case.path("spool") / "results"
    assert results.stat().st_blocks * 512 < results.stat().st_size
    position.unlink()
    resumed = case.run("fanfold", "--resume", *words)
    resumed.expect(4)
    assert "cannot tell from position what is stored: it is damaged or missing" in resumed.stderr()


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_spool_without_a_good_position_sends_nothing_again(case, damage):
    """Also before anything was given back to the file system."""
    gate = case.gate()
    script = case.file("connector.py", CONNECTOR.encode())
    stored = case.path("stored")
    words = ["-i", case.file("in", lines_of(100)), *words_of(case, receiver=f"exec:{sys.executable} {script} {stored} 0")]
    words += ["-j1", "-N", "10", "--", "sh", "-c", f"[ $FANFOLD_SEQ -lt 5 ] || : <{gate}; cat"]
    case.start("fanfold", *words)
    position = case.path("spool") / "position"
    case.wait_for(lambda: position.exists() and int.from_bytes(position.read_bytes()[24:32], "little") == 50, "half")
    kill_everything(case)
    gate.open()
    good = position.read_bytes()
    if damage == "missing":
        position.unlink()
    else:
        position.write_bytes(b"x" * len(good))
    resumed = case.run("fanfold", "--resume", *words)
    resumed.expect(4)
    assert "cannot tell from position what is stored: it is damaged or missing; restore it" in resumed.stderr()
    assert stored.read_bytes() == lines_of(50)
    position.write_bytes(good)
    case.run("fanfold", "--resume", *words).expect(0)
    assert stored.read_bytes() == lines_of(100)


def claims(case, *answers):
    """A connector that answers so, a line for each start, and then stays."""
    count = case.path("starts")
    said = " ".join(f"'{answer}'" for answer in answers)
    turn = f"echo >>{count}; set -- {said}; shift $(($(wc -l <{count}) - 1)) && printf '%b\\n' \"$1\""
    return case.start("fanfold", *words_of(case, receiver=f"exec:read -r run; {turn}; cat >&2"), "-j1", "--", "cat", stdin=b"a\nb\nc\n")


def test_a_connector_that_claims_what_was_never_sent_is_named(case):
    run = claims(case, "have 1000000")
    run.expect(4)
    assert re.search(r"cannot send to exec:read -r run;.*: it says that it has 1000000 records of this run, which has sent at most [0-3]\b", run.stderr())


def test_a_connector_that_answers_with_no_number_is_refused(case):
    run = claims(case, "have -1", "have 2xyz", "have 0\\nstored 5 zzz", "have 18446744073709551616", "have 4")
    run.expect(4)
    for line in ("have -1", "have 2xyz", "stored 5 zzz", "have 18446744073709551616"):
        assert f"broke the rules of CONNECTOR/1: it wrote '{line}'; starting it again in" in run.stderr()
    assert "it says that it has 4 records of this run" in run.stderr()


@pytest.mark.parametrize(
    ("command", "status", "meaning"),
    [
        ("no-such-connector", 127, "the shell does not find a command of it"),
        ("./not-executable", 126, "the shell cannot execute a command of it"),
        ("exit 2", 2, "it does not work as it is called"),
        ("no-such-connector | sh -c 'exec >&-; read -r line; exit 2'", 2, "it does not work as it is called"),
    ],
)
def test_a_connector_that_cannot_get_better_ends_the_run_and_loses_nothing(case, command, status, meaning):
    case.file("not-executable", b"")
    stored, script = case.path("stored"), case.file("connector.py", CONNECTOR.encode())
    words = ["-i", case.file("in", lines_of(100)), "-j1", "-N", "10", "--", "cat"]
    wrong = f"exec:echo >>starts; {command}"
    run = case.run("fanfold", *words_of(case, receiver=wrong), *words)
    run.expect(4)
    sentence = f"cannot send to {wrong}: it ended with status {status}, which means that {meaning}: starting it again would not help"
    assert sentence in run.stderr(), run.stderr()
    assert "starting it again in" not in run.stderr()
    assert case.path("starts").read_bytes() == b"\n"
    right = f"exec:{sys.executable} {script} {stored} 0"
    case.run("fanfold", "--resume", *words_of(case, receiver=right), *words).expect(0)
    assert stored.read_bytes() == lines_of(100)


def test_a_status_of_wrong_usage_behind_an_answer_is_a_crash(case):
    stored, script = case.path("stored"), case.file("connector.py", CONNECTOR.replace("_exit(1)", "_exit(2)").encode())
    receiver = f"exec:[ -e starts ] && crash=0; echo >>starts; exec {sys.executable} {script} {stored} ${{crash:-5}}"
    run = case.run("fanfold", *words_of(case, receiver=receiver), "-i", case.file("in", lines_of(100)), "-j1", "--", "cat")
    run.expect(0)
    assert "it ended with status 2; starting it again in" in run.stderr()
    assert stored.read_bytes() == lines_of(100)


@pytest.mark.parametrize("claimed", [4, 2**64 - 1])
def test_a_receiver_that_claims_what_was_never_sent_is_named(case, claimed):
    endpoint = f"ipc://{case.directory}/out"
    with zmq.Context() as context:
        receiver = Receiver(context, endpoint, {})
        run = case.start("fanfold", *words_of(case), "-j1", "--", "cat", stdin=b"a\nb\nc\n")
        route, _, _, ident = receiver.socket.recv_multipart()
        receiver.answer(route, b"HAVE", ident, struct.pack(">Q", claimed), struct.pack(">I", 9))
        run.expect(4)
        receiver.close()
    assert f"cannot send to dealer:{endpoint}: it says that it has {claimed} records of this run, which has sent at most " in run.stderr()


def test_a_receiver_that_asks_for_the_same_record_again_and_again_is_told(case):
    """It gets it ever more rarely, until it takes it."""
    endpoint = f"ipc://{case.directory}/out"
    with zmq.Context() as context:
        receiver = Receiver(context, endpoint, {})
        run = case.start("fanfold", *words_of(case), "-j1", "--", "cat", stdin=b"a\n")
        asked = 0

        def complained():
            nonlocal asked
            while receiver.socket.poll(20):
                route, word, *rest = receiver.socket.recv_multipart()
                if word == b"HELLO":
                    receiver.have(route, rest[1])
                else:
                    asked += 1
                    receiver.answer(route, b"AGAIN", rest[0], struct.pack(">Q", 1))
            return "again, and takes nothing: sending it in 1.3 s" in run.stderr()

        case.wait_for(complained, "the complaint")
        assert asked == 11
        assert f"the receiver at dealer:{endpoint} has asked 11 times for message 1 again" in run.stderr()
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(0)
    assert list(receiver.books.values()) == [[[b"a"]]]


@pytest.mark.parametrize("crash", [0, 150])
def test_a_connector_has_every_record_once_though_it_crashes(case, crash):
    source = case.file("in", lines_of(1000))
    script = case.file("connector.py", CONNECTOR.encode())
    command = f"exec:{sys.executable} {script} {case.path('stored')} {crash}"
    run = case.start("fanfold", "-i", source, *words_of(case, receiver=command), "-j2", "-N", "50", "--", "cat")
    run.expect(0, 120)
    assert case.path("stored").read_bytes() == source.read_bytes()
    starts = case.path("stored.starts").read_text().splitlines()
    assert len(starts) == (1 if crash == 0 else 1000 // crash + 1)
    assert (crash == 0) == ("starting it again in 0.1 s" not in run.stderr())


def test_another_run_sends_from_a_spool_that_an_earlier_one_used(case):
    """Each time: what the earlier run stored counts for nothing in the next one."""
    source = case.file("in", lines_of(5))
    script = case.file("connector.py", CONNECTOR.encode())
    for number in range(4):
        command = f"exec:{sys.executable} {script} {case.path(f'stored{number}')} 0"
        run = case.start("fanfold", "-i", source, *words_of(case, receiver=command), "--", "cat")
        run.expect(0)
        assert case.path(f"stored{number}").read_bytes() == source.read_bytes()
        assert "the spool is full" not in run.stderr()


def test_a_push_socket_takes_what_the_spool_has(case):
    """Also where its queue is full: the run ends when it has read all."""
    source = case.file("in", b"".join(b"%0200d\n" % number for number in range(2000)))
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.rcvhwm = 1
        pull.bind(f"ipc://{case.directory}/out")
        words = words_of(case, receiver=f"push:ipc://{case.directory}/out")
        run = case.start("fanfold", "-i", source, *words, "-j2", "-N", "50", "--", "cat")
        taken = []
        case.wait_for(lambda: take(pull, taken, 1500 - len(taken)) == 1500, "most of it")
        run.wait_for_stderr("waiting for the receiver at push:.* to take the last messages")
        case.wait_for(lambda: take(pull, taken, 2000 - len(taken)) == 2000, "the rest")
        run.expect(0)
    assert taken == source.read_bytes().splitlines()


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize("returns", [False, True])
def test_a_receiver_that_leaves_early_is_waited_for_as_long_as_patience_lasts(case, spooled, returns):
    source = case.file("in", b"".join(b"%0300d\n" % number for number in range(5000)))  # more than its system holds
    endpoint = f"ipc://{case.directory}/out"
    words = words_of(case, receiver=f"push:{endpoint}") if spooled else ["-o", f"push:{endpoint}"]
    words += [] if returns else ["--patience", "4"]
    with zmq.Context() as context:
        with context.socket(zmq.PULL) as first:
            first.rcvhwm = 1
            first.bind(endpoint)
            run = case.start("fanfold", "-i", source, *words, "-j2", "--hwm", 5000, "--", "cat")
            case.wait_for(lambda: take(first, [], 10) == 10, "some of it")
            run.wait_for_stderr(f"waiting for the receiver at push:{endpoint} to take the last messages")
        run.wait_for_stderr(f"waiting for a receiver at push:{endpoint}$")
        if not returns:
            run.expect(4)
            assert "nobody took the last messages in 4 s (--patience)" in run.stderr()
            return
        with context.socket(zmq.PULL) as second:
            second.bind(endpoint)
            case.wait_for(lambda: take(second, [], 1000) == 0 and not run.running(), "the end")
    run.expect(0)


def test_a_spool_is_published_encrypted_to_those_whose_key_it_knows(case):
    keys = make_keys(case)
    server = zmq.auth.load_certificate(keys / "ventilator.key")[0]
    gate = case.gate()
    words = words_of(case, "--keys-out", keys, receiver="pub:@tcp://127.0.0.1:*")
    words += ["-j1", "-N", "50", "--", "sh", "-c", f"[ $FANFOLD_SEQ = 0 ] || : <{gate}; cat"]
    run = case.start("fanfold", "-i", case.file("in", lines_of(300)), *words)
    endpoint = run.wait_for_stderr(r"sends messages at (tcp://\S+)$")[1]
    with zmq.Context() as context:
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH

        def connect(public, secret):
            socket = context.socket(zmq.SUB)
            socket.linger, socket.rcvtimeo = 0, 60000
            socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server, public, secret
            socket.subscribe(b"")
            monitor = socket.get_monitor_socket(events)
            socket.connect(endpoint)
            assert monitor.poll(30000)
            return socket, int.from_bytes(monitor.recv_multipart()[0][:2], "little")

        stranger, event = connect(*zmq.curve_keypair())
        assert event == zmq.EVENT_HANDSHAKE_FAILED_AUTH
        known, event = connect(*zmq.auth.load_certificate(keys / "worker.key_secret"))
        assert event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        gate.open()
        last = b"line 299"
        heard = [known.recv()]
        while heard[-1] != last:
            heard.append(known.recv())
        assert heard[-250:] == [b"line %d" % number for number in range(50, 300)]
        assert not stranger.poll(0)
        run.expect(0)
        context.destroy(linger=0)


def test_dead_letters_leave_a_gap_in_no_numbers_of_a_spool(case):
    """A chunk that failed is not sent; a run that resumes counts on."""
    source = case.file("in", lines_of(100))
    gate = case.gate()
    script = f"[ $FANFOLD_SEQ -lt 5 ] || : <{gate}; [ $FANFOLD_SEQ != 2 ] && [ $FANFOLD_SEQ != 7 ] && cat"
    words = ["-i", source, *words_of(case, "--envelope"), "--retries", "1", "--on-error", "skip", "-j1", "-N", "10"]
    words += ["--dead-letters", case.path("dead"), "--", "sh", "-c", script]
    books = {}
    with zmq.Context() as context:
        receiver = Receiver(context, f"ipc://{case.directory}/out", books)
        case.start("fanfold", *words)
        case.wait_for(lambda: receiver.pump(0.1) or sum(map(len, books.values())) == 40, "the first chunks")
        kill_everything(case)
        gate.open()
        run = case.start("fanfold", "--resume", *words)
        case.wait_for(lambda: receiver.pump(0.1) or not run.running(), "the end")
        receiver.close()
    run.expect(1)
    ((_, payloads),) = books.items()
    expected = [b"line %d" % number for number in range(100) if number // 10 not in (2, 7)]
    assert [record for _, record in payloads] == expected
    assert [msgpack.unpackb(envelope)[1] for envelope, _ in payloads] == list(range(80))
    assert len([path for path in case.path("dead").iterdir() if path.suffix != ".json"]) >= 2


def take(pull, taken, count):
    """What is there, at most `count`; how many it has taken."""
    while count > 0 and pull.poll(20):
        taken.append(pull.recv())
        count -= 1
    return len(taken)


def test_two_stages_hand_over_by_dealer_and_lose_nothing(case):
    chance = random.Random(case.id)
    middle = f"ipc://{case.directory}/middle"
    first = ["-i", f"dealer:@ipc://{case.directory}/in", "--spool", case.path("first"), "-o", f"dealer:{middle}"]
    first += ["--spool-out", case.path("spool"), "-N", "20", "-j1", "--mode", "lines", "--idle", "3", "--resume"]
    second = ["-i", f"dealer:@{middle}", "--spool", case.path("second"), "-o", case.path("out"), "-N", "20", "-j1"]
    second += ["--mode", "lines", "--resume"]
    runs = []

    def keep_running():
        for at, words in enumerate((first, second)):
            if len(runs) <= at:
                runs.append(case.start("fanfold", *words, "--", "cat"))
            elif not runs[at].running():
                assert runs[at].wait() != 2, runs[at].stderr()
                runs[at] = case.start("fanfold", *words, "--", "cat")

    with zmq.Context() as context:
        producer = Producer(context, f"ipc://{case.directory}/in", b"ann", 1000)
        for part in range(1, 4):
            keep_running()
            case.wait_for(
                lambda part=part: keep_running() or producer.pump(0.1) or producer.have >= 300 * part, "a third"
            )
            kill_one(case, chance)
        case.wait_for(lambda: keep_running() or producer.pump(0.1) or producer.done(), "all of it")
        producer.close()
    case.wait_for(
        lambda: keep_running() or (case.path("out").exists() and case.path("out").read_bytes().count(b"\n") >= 1000),
        "the output",
        120,
    )
    for run in runs:
        if run.running():
            run.signal(signal.SIGTERM)
            run.wait()
    assert case.path("out").read_bytes() == b"".join(b"ann %d\n" % number for number in range(1, 1001))


def test_what_contradicts_itself_is_refused_with_a_sentence(case):
    def said(*words):
        run = case.run("fanfold-sink", *words)
        assert run.status == 2, run.stderr()
        return run.stderr()

    assert "expected -o with a receiver" in said("--spool-out", "sp", "-o", "file")
    assert "expected --spool-out beside it" in said("-o", "exec:cat")
    assert "expected --spool-out beside it" in said("-o", "file", "--spool-out-size", "1M")
    assert "frames of its own" in said("-o", "dealer:ipc:///x", "--spool-out", "sp", "--frames-out")
