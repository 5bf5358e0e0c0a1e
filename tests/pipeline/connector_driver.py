# SPDX-License-Identifier: MIT
"""Speaks CONNECTOR/1 with a connector as fanfold does, and holds it to the protocol.

    feed = Feeder(case, ["fanfold-redis", "in", "stream"])     # fanfold -i 'exec:...'
    feed.start()
    feed.take(100)          # until it has 100 records
    feed.commit()           # what it has is in the output
    feed.kill()             # the connector; or feed.lose(): fanfold itself, with what is not committed
    feed.start()            # again, at the cursor that fanfold would name
    feed.finish()

    drain = Drain(case, [...], records)                        # fanfold -o 'exec:...'
    drain.start()
    drain.send(100)
    drain.kill()
    drain.start()
    drain.finish()

`records` is the list of what a run's output is; a replay repeats exactly these, as it does
from fanfold's spool. Neither end of a pipe here waits for the other: what comes is read while
something is written.
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import time

from harness import Overdue, slack

CURSOR = re.compile(rb"[!-~]{1,120}")
READ_BYTES = 1 << 16
DEADLINE_S = 60.0


class Pipes:
    """A connector that runs, and its two pipes."""

    def __init__(self, case, command, env=None):
        self.case, self.command, self.env = case, command, env
        self.process = None
        self.starts = 0

    def spawn(self):
        pipe = subprocess.PIPE
        self.process = self.case.start(*self.command, stdin=pipe, stdout=pipe, env=self.env, bufsize=0, name="connector")
        os.set_blocking(self.process.stdin.fileno(), False)
        self.incoming, self.outgoing, self.over = bytearray(), bytearray(), False
        self.starts += 1

    def turn(self, wait_s=1.0):
        """Writes and reads what can be."""
        poll = select.poll()
        if not self.over:
            poll.register(self.process.stdout, select.POLLIN)
        if self.outgoing:
            poll.register(self.process.stdin, select.POLLOUT)
        for descriptor, event in poll.poll(wait_s * 1000):
            if descriptor == self.process.stdout.fileno():
                data = os.read(descriptor, READ_BYTES)
                self.incoming += data
                self.over = not data
            elif event & select.POLLOUT:
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    del self.outgoing[: os.write(descriptor, self.outgoing)]
            else:  # nobody reads: it ends, as what it wrote tells
                self.outgoing.clear()
        self.parse()

    def until(self, condition, what, deadline_s=DEADLINE_S):
        deadline_s *= slack()
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise Overdue(f"waited {deadline_s:.3g} s in vain for {what}")
            if self.over:
                raise AssertionError(f"the connector ended its output before {what}")
            self.turn()

    def say(self, line):
        self.outgoing += line.encode() + b"\n"

    def line(self):
        """The next whole line that came."""
        end = self.incoming.find(b"\n")
        if end < 0:
            return None
        line = bytes(self.incoming[:end])
        del self.incoming[: end + 1]
        return line

    def close(self):
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def kill(self):
        """SIGKILL of the connector. What it had written is still read."""
        self.process.signal(signal.SIGKILL)
        while not self.over:
            self.turn()
        self.process.expect(137)
        self.close()

    def flush(self):
        self.until(lambda: not self.outgoing, "it to read what is written")


class Feeder(Pipes):
    """fanfold with -i exec:. `records` are those that it has, in their order, with their cursors."""

    def __init__(self, case, command, env=None):
        super().__init__(case, command, env)
        self.records = []
        self.committed = 0  # how many of them
        self.cursors = set()

    def start(self):
        self.spawn()
        self.group = []  # records without a cursor of their own wait for the next one
        self.head = None
        self.say(f"start {self.cursor_at(len(self.records))}")
        if self.committed:
            self.say(f"committed {self.cursor_at(self.committed)}")
        self.turn(0)

    def cursor_at(self, count):
        return self.records[count - 1][0].decode() if count else "-"

    def parse(self):
        while True:
            if self.head is None:
                line = self.line()
                if line is None:
                    assert len(self.incoming) < 200, f"not a head: {bytes(self.incoming[:200])!r}"
                    return
                cursor, _, length = line.partition(b" ")
                assert CURSOR.fullmatch(cursor), f"not a cursor: {line!r}"
                assert re.fullmatch(rb"[0-9]+", length), f"not a length: {line!r}"
                self.head = cursor, int(length)
            cursor, length = self.head
            if len(self.incoming) < length:
                return
            self.group.append((cursor, bytes(self.incoming[:length])))
            del self.incoming[:length]
            self.head = None
            if cursor != b"-":
                self.records += [(cursor, record) for _, record in self.group]
                self.group = []

    def take(self, count):
        """Until fanfold has this many records in all."""
        self.until(lambda: len(self.records) >= count, f"{count} records: {len(self.records)} came")

    def commit(self, count=None):
        """The first `count` records are safe in the output; all that came without."""
        count = len(self.records) if count is None else count
        assert count >= self.committed
        while 0 < count < len(self.records) and self.records[count][0] == self.records[count - 1][0]:
            count += 1  # a group is one
        if count > self.committed:
            self.committed = count
            self.say(f"committed {self.cursor_at(count)}")
            self.turn(0)

    def lose(self):
        """SIGKILL of fanfold: the pipes end, and what was not committed is gone. The connector ends by itself."""
        self.close()
        assert self.process.wait() in (0, 141), "the connector outlives fanfold, or has complained"
        del self.records[self.committed :]

    def read_to_the_end(self):
        """Until the connector says that the input is over; commits all."""
        while not self.over:
            self.turn()
        assert not self.incoming and not self.head and not self.group, "it ended in the middle of a record"
        self.commit()

    def finish(self):
        """All is committed, the run over."""
        self.commit()
        while self.outgoing and self.process.running():
            self.turn()
        self.process.stdin.close()
        while not self.over:
            self.turn()
        self.process.expect(0)
        self.process.stdout.close()

    def contents(self):
        return [record for _, record in self.records]


class Drain(Pipes):
    """fanfold with -o exec:. `stored`: so many of `records` are, as the connector says."""

    def __init__(self, case, command, records, run="5f0c", env=None, may_tell=True):
        super().__init__(case, command, env)
        self.records, self.run = records, run
        self.stored = 0
        self.farthest = 0  # so many were ever sent
        self.may_tell = may_tell  # it can say what it has

    def start(self):
        self.spawn()
        self.have = None
        self.say(f"run {self.run} {self.stored}")
        self.until(lambda: self.have is not None, "what it has")
        self.sent = self.stored if self.have == "-" else int(self.have)
        assert self.may_tell == (self.have != "-"), self.have
        assert self.stored <= self.sent <= self.farthest, f"have {self.have}, not {self.stored} to {self.farthest}"
        self.stored = self.sent

    def parse(self):
        while (line := self.line()) is not None:
            if self.have is None:
                found = re.fullmatch(rb"have (-|[0-9]+)", line)
                assert found, f"not what it has: {line!r}"
                self.have = found[1].decode()
                continue
            found = re.fullmatch(rb"stored ([0-9]+)", line)
            assert found, f"not what is stored: {line!r}"
            count = int(found[1]) + 1
            assert self.stored < count <= self.sent, f"stored {count - 1}, of {self.sent} sent, after {self.stored - 1}"
            self.stored = count

    def send(self, count):
        """Until so many records in all are sent, stored or not."""
        while self.sent < min(count, len(self.records)):
            self.outgoing += b"%d %d\n" % (self.sent, len(self.records[self.sent])) + self.records[self.sent]
            self.sent += 1
            self.farthest = max(self.farthest, self.sent)
            if len(self.outgoing) >= READ_BYTES:
                self.flush()
        self.turn(0)

    def await_stored(self, count):
        self.until(lambda: self.stored >= count, f"{count} records to be stored")

    def lose(self):
        """SIGKILL of fanfold: the connector ends by itself, once it has stored what came whole."""
        with contextlib.suppress(AssertionError):
            self.flush()
        self.close()
        assert self.process.wait() in (0, 4, 141), "the connector outlives fanfold"

    def finish(self):
        self.send(len(self.records))
        while self.outgoing and not self.over:
            self.turn()
        self.process.stdin.close()
        while not self.over:
            self.turn()
        self.process.expect(0)
        self.process.stdout.close()
        assert self.stored == len(self.records), f"it stored {self.stored} of {len(self.records)}"


def feed_with_kills(feed, total, chance, kills, meanwhile=lambda number: None):
    """Takes `total` records, while the connector or fanfold is killed `kills` times."""
    feed.start()
    for number in range(kills):
        feed.take(max(len(feed.records), chance.randint(0, total * (number + 1) // (kills + 1))))
        if chance.random() < 0.7:
            feed.commit(chance.randint(feed.committed, len(feed.records)))
            if chance.random() < 0.5:
                feed.flush()
        chance.choice([feed.kill, feed.lose])()
        meanwhile(number)
        feed.start()
    feed.take(total)
    feed.finish()


def drain_with_kills(drain, chance, kills, meanwhile=lambda number: None):
    """Sends all records, while the connector or fanfold is killed `kills` times."""
    drain.start()
    for number in range(kills):
        drain.send(max(drain.sent, len(drain.records) * (number + 1) // (kills + 1)))
        if chance.random() < 0.5:
            drain.await_stored(chance.randint(drain.stored, drain.sent))
        chance.choice([drain.kill, drain.lose])()
        meanwhile(number)
        drain.start()
    drain.finish()
