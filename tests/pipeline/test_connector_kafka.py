# SPDX-License-Identifier: MIT
"""fanfold-kafka against librdkafka's mock cluster: in, each record once; out, none is lost, and each has its number."""

import random
import re

import pytest
from connector_driver import Drain, Feeder, drain_with_kills, feed_with_kills
from harness import option, program_path
from servers import Kafka, server

KILLS, RESTARTS = 5, 1
PARTITIONS = 3
RECORDS = [b"record %d\n\0\xff" % number + b"x" * (number % 200) for number in range(3000)]
CONNECTOR = program_path("fanfold-kafka")


@pytest.fixture
def kafka(case):
    with server(case, Kafka) as own:
        own.create("in", PARTITIONS)
        own.create("out", 1)
        yield own


def fill(kafka, records):
    producer = kafka.module.Producer({"bootstrap.servers": kafka.brokers})
    for number, record in enumerate(records):
        producer.produce("in", record, partition=number % PARTITIONS)
    assert producer.flush(30) == 0


def contents(kafka, topic):
    """The messages of its partition 0."""
    consumer = kafka.module.Consumer({"bootstrap.servers": kafka.brokers, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([kafka.module.TopicPartition(topic, 0, 0)])
    found = []
    while True:
        for message in consumer.consume(500, 1.0):
            if message.error() is None:
                found.append(message)
            elif message.error().code() == kafka.module.KafkaError._PARTITION_EOF:
                consumer.close()
                return found


def group_offsets(kafka):
    consumer = kafka.module.Consumer({"bootstrap.servers": kafka.brokers, "group.id": "fanfold"})
    places = [kafka.module.TopicPartition("in", number) for number in range(PARTITIONS)]
    offsets = [place.offset for place in consumer.committed(places, timeout=10)]
    consumer.close()
    return offsets


def feeder(kafka, *options):
    return Feeder(kafka.case, [CONNECTOR, "in", "--brokers", kafka.brokers, *options, "in"])


def drain(kafka, records):
    return Drain(kafka.case, [CONNECTOR, "out", "--brokers", kafka.brokers, "out"], records, may_tell=False)


def restarts(kafka):
    kills, times = option("kills", KILLS), option("restarts", RESTARTS)
    return kills, lambda number: kafka.restart() if number % max(1, kills // times) == 0 else None


def assert_each_once_and_partitions_in_order(records):
    assert sorted(records) == sorted(RECORDS)
    for number in range(PARTITIONS):
        own = set(RECORDS[number::PARTITIONS])
        assert [record for record in records if record in own] == RECORDS[number::PARTITIONS]


def test_in_each_message_is_there_once_and_partitions_keep_their_order(case, kafka):
    kills, restart = restarts(kafka)
    fill(kafka, RECORDS)
    feed = feeder(kafka)
    feed_with_kills(feed, len(RECORDS), random.Random(1), kills, restart)
    assert_each_once_and_partitions_in_order(feed.contents())
    assert group_offsets(kafka) == [1000] * PARTITIONS


def test_in_a_run_that_begins_continues_where_the_group_is(case, kafka):
    fill(kafka, RECORDS[:30])
    feed = feeder(kafka, "--until-empty")
    feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert sorted(feed.contents()) == sorted(RECORDS[:30])
    fill(kafka, RECORDS[30:60])
    again = feeder(kafka, "--until-empty")
    again.start()
    again.read_to_the_end()
    again.finish()
    assert sorted(again.contents()) == sorted(RECORDS[30:60])


def test_in_a_broker_that_is_down_is_waited_for(case, kafka):
    fill(kafka, RECORDS[:1500])
    feed = feeder(kafka)
    feed.start()
    feed.take(1500)
    kafka.tell("down")
    feed.process.wait_for_stderr("^fanfold-kafka: lost: kafka at ")
    kafka.tell("up")
    fill(kafka, RECORDS[1500:])
    feed.take(len(RECORDS))
    feed.finish()
    assert_each_once_and_partitions_in_order(feed.contents())


def test_in_too_many_partitions_and_foreign_cursors_are_refused(case, kafka):
    kafka.create("wide", 20)
    run = case.run(CONNECTOR, "in", "--brokers", kafka.brokers, "wide", stdin=b"start -\n")
    assert run.status == 4 and "20 partitions make a cursor of more than 120 bytes" in run.stderr(), run.stderr()
    run = case.run(CONNECTOR, "in", "--brokers", kafka.brokers, "--partitions", "0-3,7", "--until-empty", "wide", stdin=b"start wide:0:0\n")
    assert run.status == 0, run.stderr()
    run = case.run(CONNECTOR, "in", "--brokers", kafka.brokers, "in", stdin=b"start wide:0:0\n")
    assert run.status == 4 and "is not of the topic in" in run.stderr(), run.stderr()


def test_in_a_cursor_whose_messages_are_gone_is_refused(case, kafka):
    fill(kafka, RECORDS[:30])
    feed = feeder(kafka)
    feed.spawn()
    feed.group, feed.head = [], None
    feed.say("start in:0:5000,1:0,2:0")
    feed.flush()
    feed.process.expect(4)
    assert re.search("offset.*out of range|no stored offset|Offset out of range", feed.process.stderr(), re.I), feed.process.stderr()
    feed.close()


def assert_all_there(kafka):
    found = [(int(dict(message.headers())["fanfold-number"]), message.value()) for message in contents(kafka, "out")]
    assert dict(found) == dict(enumerate(RECORDS))
    firsts = list(dict(found))
    assert firsts == sorted(firsts), "the first copies are out of order"
    print(f"{len(found) - len(RECORDS)} of {len(RECORDS)} doubled")


def test_out_no_record_is_lost_and_each_has_its_number(case, kafka):
    kills, restart = restarts(kafka)
    out = drain(kafka, RECORDS)
    drain_with_kills(out, random.Random(2), kills, restart)
    assert_all_there(kafka)


def test_out_a_broker_that_is_down_is_waited_for(case, kafka):
    out = drain(kafka, RECORDS)
    out.start()
    out.send(1000)
    out.await_stored(1)
    kafka.tell("down")
    out.send(1100)
    kafka.tell("up")
    out.finish()
    assert_all_there(kafka)


def test_a_property_comes_from_a_file(case, kafka):
    fill(kafka, RECORDS[:3])
    config = case.file("config", b"# how to reach it\nbootstrap.servers = " + kafka.brokers.encode() + b"\nclient.id=some one\n")
    feed = Feeder(case, [CONNECTOR, "in", "--config", config, "in"])
    feed.start()
    feed.take(3)
    feed.finish()
    case.file("config", b"no such property=1\n")
    run = case.run(CONNECTOR, "in", "--config", config, "in", stdin=b"start -\n")
    assert run.status == 4 and "No such configuration property" in run.stderr(), run.stderr()
