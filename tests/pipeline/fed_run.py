# SPDX-License-Identifier: MIT
"""Runs that a test feeds: half of the input, then what the test is about, then the rest, and a right end."""

HELLO_WORKER, HELLO_SINK, WELCOME, REJECT, BEGIN, WHO, TASK, RESULT = range(1, 9)
DONE, FAILED, RETURNED, FORGET, PROGRESS, SKIP, END, FINISHED, STOP, GOODBYE, PING, PONG, ISOLATE = range(9, 22)
NONE = bytes(16)


def lines_of(first, count):
    return b"".join(b"the line of number %d\n" % number for number in range(first, first + count))


class FedRun:
    """Who is in it, its own class starts: a ventilator that reads a pipe, a sink, and workers that write capitals."""

    LINES = 2000  # at a time

    def __init__(self, case, ventilator, sink, workers):
        self.case = case
        self.ventilator, self.sink, self.workers = ventilator, sink, workers
        self.fed = b""
        self.feed()
        case.wait_for(self.sink.output, "the first results")

    def feed(self, count=None):
        more = lines_of(self.fed.count(b"\n"), count or self.LINES)
        self.fed += more
        self.ventilator.stdin.write(more)
        self.ventilator.stdin.flush()

    def expect_right_end(self):
        """The rest of the input goes in; everybody ends well, and every byte is right."""
        self.feed()
        self.ventilator.stdin.close()
        for process in [self.ventilator, self.sink, *self.workers]:
            process.expect(0)
        assert self.sink.output() == self.fed.upper(), "the output is wrong"
