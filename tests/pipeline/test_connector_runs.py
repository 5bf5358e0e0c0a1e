# SPDX-License-Identifier: MIT
"""Whole runs from and to real servers by `exec:`: fanfold is killed as a whole, and resumed; servers start again."""

import contextlib
import os
import random
import signal
import struct

import pytest
from harness import option
from servers import Kafka, PostgreSQL, RabbitMQ, Redis, server

pytestmark = pytest.mark.deadline(600)
KILLS, RESTARTS = 4, 1
LINES = [b"record %d " % number + b"x" * (number % 100) for number in range(20000)]
TEXT = b"".join(line + b"\n" for line in LINES)
OURS = {"fanfold", "fanfold-ventilator", "fanfold-worker", "fanfold-sink"}
SIZES = ["--block", "16K", "-j2"]


class RedisEnds:
    kind, once = Redis, True

    def __init__(self, own):
        self.own = own
        self.source = f"fanfold-redis in --url {own.url} --until-empty in"
        self.target = f"fanfold-redis out --url {own.url} out"

    def fill(self):
        with self.own.client.pipeline(transaction=False) as pipeline:
            for line in LINES:
                pipeline.xadd("in", {"record": line})
            pipeline.execute()

    def is_acknowledged(self):
        return self.own.client.xpending("in", "fanfold")["pending"] == 0

    def stored(self):
        return [fields[b"record"] for _, fields in self.own.client.xrange("out")]


class PostgreSQLEnds:
    kind, once = PostgreSQL, True

    def __init__(self, own):
        self.own = own
        self.source = f"fanfold-postgresql in --dsn '{own.dsn}' --key id --column payload --until-empty source"
        self.target = f"fanfold-postgresql out --dsn '{own.dsn}' --column payload target"
        own.query("CREATE TABLE source (id bigint PRIMARY KEY, payload text)")
        own.query("CREATE TABLE target (number bigserial PRIMARY KEY, payload text)")

    def fill(self):
        self.own.query("INSERT INTO source SELECT row_number() OVER (), x FROM unnest(%s) AS x", [line.decode() for line in LINES])

    def is_acknowledged(self):
        return True

    def stored(self):
        return [line.encode() for (line,) in self.own.query("SELECT payload FROM target ORDER BY number")]


class KafkaEnds:
    kind, once = Kafka, False

    def __init__(self, own):
        self.own = own
        self.source = f"fanfold-kafka in --brokers {own.brokers} --until-empty in"
        self.target = f"fanfold-kafka out --brokers {own.brokers} out"
        own.create("in", 1)
        own.create("out", 1)

    def fill(self):
        producer = self.own.module.Producer({"bootstrap.servers": self.own.brokers})
        for line in LINES:
            producer.produce("in", line, partition=0)
            producer.poll(0)
        assert producer.flush(30) == 0

    def is_acknowledged(self):
        return True

    def stored(self):
        consumer = self.own.module.Consumer({"bootstrap.servers": self.own.brokers, "group.id": "test", "enable.partition.eof": True})
        consumer.assign([self.own.module.TopicPartition("out", 0, 0)])
        found, over = [], False
        while not over:
            messages = consumer.consume(500, 1.0)
            found += [message.value() for message in messages if message.error() is None]
            over = any(message.error() for message in messages)
        consumer.close()
        return found


class RabbitMQEnds:
    kind, once = RabbitMQ, False

    def __init__(self, own):
        self.own = own
        self.source = f"fanfold-rabbitmq in --url {own.url} --until-empty in"
        self.target = f"fanfold-rabbitmq out --url {own.url} out"
        with own.connect() as connection:
            for name in ("in", "out"):
                connection.channel().queue_declare(name, durable=True)

    def fill(self):
        with self.own.connect() as connection:
            channel = connection.channel()
            channel.tx_select()
            for line in LINES:
                channel.basic_publish("", "in", line, self.own.module.BasicProperties(delivery_mode=2))
            channel.tx_commit()

    def read(self, name):
        found = []
        with self.own.connect() as connection:
            channel = connection.channel()
            while (got := channel.basic_get(name))[0]:
                found.append(got[2])
        return found

    def is_acknowledged(self):
        return self.read("in") == []

    def stored(self):
        return self.read("out")


ENDS = [RedisEnds, PostgreSQLEnds, KafkaEnds, RabbitMQEnds]


@pytest.fixture(params=ENDS, ids=lambda ends: ends.kind.__name__.lower())
def ends(case, request):
    with server(case, request.param.kind) as own:
        yield request.param(own)


def need_input(case):
    probe = case.run("fanfold", "-i", "exec:true", "--", "cat")
    if probe.status != 0:
        case.skip(f"this fanfold reads no connector: {probe.stderr()[-200:].strip()}")


def need_output(case):
    if b"--spool-out" not in case.run("fanfold", "--help").output():
        case.skip("this fanfold has no --spool-out, which an output by a connector needs")


def kill_all_of_ours(case):
    """SIGKILL; the connectors have to end by themselves."""
    for pid, line in case.leftovers().items():
        if os.path.basename(line.split()[0] if line else "") in OURS:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    # Only the server is left.
    case.wait_for(lambda: not [line for line in case.leftovers().values() if "fanfold-" in line.split("/")[-1]], "the connectors to end")


def is_over(run):
    """All was done before it was killed, or by the one before, whose launcher alone was killed."""
    return run.wait() == 0 or "it is complete, or no such run wrote it" in run.stderr()


def run_with_kills(case, ends, command, progress):
    kills, restarts = option("kills", KILLS), option("restarts", RESTARTS)
    chance, struck, restarted = random.Random(5), 0, 0
    for number in range(kills):
        run = case.start("fanfold", *(["--resume"] if number else []), *command)
        goal = max(progress() + 1, len(TEXT) * (number + chance.random()) / (kills + 1))
        case.wait_for(lambda: not run.running() or progress() >= goal, "the run to get on", 60)
        struck += run.running()
        kill_all_of_ours(case)
        if is_over(run):
            break
        if number % max(1, kills // restarts) == 0:
            ends.own.restart()
            restarted += 1
    else:
        last = case.run("fanfold", "--resume", *command, deadline=200)
        assert is_over(last), last.stderr()
    print(f"killed {struck} times at work, {restarted} restarts of the server")
    assert struck >= kills // 2


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def test_what_comes_from_a_server_is_in_the_file_though_all_is_killed(case, ends):
    need_input(case)
    ends.fill()
    out = case.path("out")
    slow = ["--shell", "sleep 0.02; cat"]
    run_with_kills(case, ends, ["-i", f"exec:{ends.source}", "-o", out, *SIZES, *slow], lambda: size_of(out))
    found = out.read_bytes().splitlines()
    if ends.once or ends.kind is Kafka:
        assert found == LINES
    else:
        assert set(found) == set(LINES)
        print(f"{len(found) - len(LINES)} of {len(LINES)} doubled")
    case.wait_for(ends.is_acknowledged, "all to be acknowledged")


def test_what_goes_to_a_server_is_there_though_all_is_killed(case, ends):
    need_output(case)
    source = case.file("in", TEXT)
    spool = case.path("spool")
    slow = ["--shell", "sleep 0.02; cat"]
    command = ["-i", source, "-o", f"exec:{ends.target}", "--spool-out", spool, *SIZES, *slow]

    def progress():
        """Bytes that the server has stored."""
        position = spool / "position"
        stored = position.read_bytes() if position.exists() else b""
        return struct.unpack_from("<16xQ", stored)[0] if stored else 0

    run_with_kills(case, ends, command, progress)
    found = ends.stored()
    if ends.once:
        assert found == LINES
    else:
        assert set(found) == set(LINES)
        assert list(dict.fromkeys(found)) == LINES, "the first copies are out of order"
        print(f"{len(found) - len(LINES)} of {len(LINES)} doubled")
