# SPDX-License-Identifier: MIT
"""fanfold-rabbitmq against a real RabbitMQ: no message is lost, and only kills double one."""

import contextlib
import random
import re

import pytest
from connector_driver import Drain, Feeder, drain_with_kills, feed_with_kills
from harness import Case, option, program_path
from servers import RabbitMQ, server

pytestmark = pytest.mark.deadline(400)
KILLS, RESTARTS = 5, 1
RECORDS = [b"record %d\n\0\xff" % number + b"x" * (number % 200) for number in range(3000)]
CONNECTOR = program_path("fanfold-rabbitmq")


@pytest.fixture(scope="module")
def rabbitmq():
    """One for all tests here, as it takes its time to start; each test has queues of its own."""
    with contextlib.closing(Case()) as case, server(case, RabbitMQ) as own:
        yield own


@pytest.fixture
def queue(case, rabbitmq):
    """The name of an empty durable queue."""
    name = re.sub(r"\W", "", case.id)[-12:]
    case.env["FANFOLD_RABBITMQ_PASSWORD"] = "guest"
    with rabbitmq.connect() as connection:
        connection.channel().queue_declare(name, durable=True)
    return name


def fill(rabbitmq, queue, records):
    with rabbitmq.connect() as connection:
        channel = connection.channel()
        channel.tx_select()
        for record in records:
            channel.basic_publish("", queue, record, rabbitmq.module.BasicProperties(delivery_mode=2))
        channel.tx_commit()


def contents(rabbitmq, queue):
    """(message id, body) of all that is there; they stay."""
    with rabbitmq.connect() as connection:
        channel = connection.channel()
        found = []
        while (got := channel.basic_get(queue))[0]:
            found.append((got[1].message_id, got[2]))
        return found


def feeder(case, rabbitmq, queue, *options):
    return Feeder(case, [CONNECTOR, "in", "--url", rabbitmq.url, *options, queue])


def restarts(rabbitmq):
    kills, times = option("kills", KILLS), option("restarts", RESTARTS)
    return kills, lambda number: rabbitmq.restart() if number % max(1, kills // times) == 1 else None


def test_in_no_message_is_lost_and_all_are_acknowledged(case, rabbitmq, queue):
    kills, restart = restarts(rabbitmq)
    fill(rabbitmq, queue, RECORDS)
    feed = feeder(case, rabbitmq, queue, "--until-empty")
    feed.start()
    chance = random.Random(1)
    for number in range(kills):
        feed.take(max(len(feed.records), chance.randint(0, len(RECORDS) * (number + 1) // (kills + 1))))
        feed.commit(chance.randint(feed.committed, len(feed.records)))
        chance.choice([feed.kill, feed.lose])()
        restart(number)
        feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert set(feed.contents()) == set(RECORDS)
    doubled = len(feed.records) - len(RECORDS)
    print(f"{doubled} of {len(RECORDS)} doubled by {kills} kills")
    assert contents(rabbitmq, queue) == []


def test_in_messages_come_in_order_and_once_where_nothing_is_killed(case, rabbitmq, queue):
    fill(rabbitmq, queue, RECORDS)
    feed = feeder(case, rabbitmq, queue, "--until-empty", "--prefetch", "100")
    feed.start()
    while len(feed.records) < len(RECORDS):
        feed.take(min(len(RECORDS), feed.committed + 100))
        feed.commit()
    feed.read_to_the_end()
    feed.finish()
    assert feed.contents() == RECORDS
    assert contents(rabbitmq, queue) == []


def test_in_only_what_is_committed_is_acknowledged(case, rabbitmq, queue):
    fill(rabbitmq, queue, RECORDS[:100])
    feed = feeder(case, rabbitmq, queue)
    feed.start()
    feed.take(100)
    feed.commit(40)
    feed.lose()
    case.wait_for(lambda: [body for _, body in contents(rabbitmq, queue)] == RECORDS[40:100], "the others to come back")


def test_out_no_record_is_lost_and_each_has_its_number(case, rabbitmq, queue):
    kills, restart = restarts(rabbitmq)
    out = Drain(case, [CONNECTOR, "out", "--url", rabbitmq.url, queue], RECORDS, may_tell=False)
    drain_with_kills(out, random.Random(2), kills, restart)
    found = contents(rabbitmq, queue)
    assert dict(found) == {f"5f0c-{number}": record for number, record in enumerate(RECORDS)}
    print(f"{len(found) - len(RECORDS)} of {len(RECORDS)} doubled by {kills} kills")


def test_out_what_is_told_to_be_stored_is_there_at_a_kill(case, rabbitmq, queue):
    out = Drain(case, [CONNECTOR, "out", "--url", rabbitmq.url, queue], RECORDS, may_tell=False)
    out.start()
    out.send(2000)
    out.await_stored(500)
    out.kill()
    assert len(contents(rabbitmq, queue)) >= out.stored


def test_out_what_no_queue_takes_is_told(case, rabbitmq, queue):
    with rabbitmq.connect() as connection:
        connection.channel().exchange_declare("nowhere")
    run = case.run(CONNECTOR, "out", "--url", rabbitmq.url, "--exchange", "nowhere", stdin=b"run aa 0\n0 1\nx")
    assert run.status == 4 and "has no queue for" in run.stderr(), run.stderr()
    assert run.output() == b"have -\n"
    run = case.run(CONNECTOR, "out", "--url", rabbitmq.url, "missing", stdin=b"run aa 0\n0 1\nx")
    assert run.status == 4 and "no queue 'missing'" in run.stderr(), run.stderr()


def test_a_wrong_password_is_told(case, rabbitmq, queue):
    for way in ("in", "out"):
        opening = b"start -\n" if way == "in" else b"run aa 0\n"
        run = case.run(CONNECTOR, way, "--url", rabbitmq.url, queue, stdin=opening, env={"FANFOLD_RABBITMQ_PASSWORD": "wrong"})
        assert run.status == 4 and "refuses guest" in run.stderr(), run.stderr()
        run = case.run(CONNECTOR, way, "--url", "amqp://guest:word@localhost", queue, stdin=opening)
        assert run.status == 2 and "for all to read" in run.stderr()
