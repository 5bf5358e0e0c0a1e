# SPDX-License-Identifier: MIT
"""The header of the input: workers are told of it, and every chunk begins with it."""

import os

import msgpack
import zmq
from input_files import inputs, lines, run_over
from resuming import kill_everything

HEADER_MAX = 65536


def welcome_header(case, *words, stdin=None):
    """What WELCOME tells a worker of the input's header; (None, ventilator): it ended before."""
    at = case.endpoints(f"header-{len(case.processes)}")
    case.start("fanfold-sink", *at)
    ventilator = case.start("fanfold-ventilator", *at, *words, stdin=stdin)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(at[1])
        about = ["host", 1, 1, 1, 7, b"command", bytes(16), 0, [], []]
        dealer.send(msgpack.packb([1, 2, os.urandom(16), 1, *about]))
        welcome = []

        def hear():
            while dealer.poll(0):
                message = msgpack.unpackb(dealer.recv_multipart()[0], raw=True)
                welcome.extend([message] if message[0] == 3 else [])
            return welcome or not ventilator.running()

        case.wait_for(hear, "WELCOME")
        header = welcome[0][8] if welcome else None
    kill_everything(case)
    return header, ventilator


def test_workers_are_told_the_header_when_it_has_come(case):
    path = case.file("in", b"a,b\r\nunits\n1,2\n")
    assert welcome_header(case, "-i", path)[0] == b""
    assert welcome_header(case, "--header", ":", "-i", path)[0] == b"a,b\r\n"
    assert welcome_header(case, "--header", "2", "-i", path)[0] == b"a,b\r\nunits\n"
    reader, writer = os.pipe()
    os.write(writer, b"header\nand more")  # and no end
    assert welcome_header(case, "--header", ":", stdin=os.fdopen(reader))[0] == b"header\n"
    os.close(writer)


def test_a_header_is_no_record_and_goes_to_every_chunk(case):
    paths = [case.file(f"in{number}", b"head\n" + lines(10 * number, 4)) for number in range(3)]
    script = "read header; echo \"$header:$(tr '\\n' ,)\""
    run = run_over(case, "--header", ":", "-N2", "-j2", *inputs(*paths), command=["--", "sh", "-c", script])
    numbers = [10 * number + offset for number in range(3) for offset in (0, 2)]
    assert run.output() == b"".join(b"head:line %d,line %d,\n" % (number, number + 1) for number in numbers)


def test_a_header_that_differs_or_is_too_long_is_an_error(case):
    first, second = case.file("first", b"a,b\n1\n"), case.file("second", b"a,c\n2\n")
    run = run_over(case, "--header", ":", *inputs(first, second), status=4)
    assert f'{second}: its header is not that of {first} (line 1 of --header is "a,c", not "a,b")' in run.stderr()
    fits = case.file("fits", b"x" * (HEADER_MAX - 1) + b"\ny\n")
    header, _ = welcome_header(case, "--header", ":", "-i", fits)
    assert len(header) == HEADER_MAX
    above = case.file("above", b"x" * HEADER_MAX + b"\ny\n")
    header, ventilator = welcome_header(case, "--header", ":", "-i", above)
    assert header is None and ventilator.wait() == 4
    assert f"{above}: its header, 1 line, is longer than 65536 bytes" in ventilator.stderr()
