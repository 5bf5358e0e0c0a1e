# SPDX-License-Identifier: MIT
"""fanfold-redis against a real Redis: each record once, whatever is killed."""

import random

import pytest
from connector_driver import Drain, Feeder, drain_with_kills, feed_with_kills
from harness import option, program_path
from servers import Redis, server

KILLS, RESTARTS = 6, 2
RECORDS = [b"record %d\n\0\xff" % number + b"x" * (number % 200) for number in range(4000)]
CONNECTOR = program_path("fanfold-redis")


@pytest.fixture
def redis(case):
    with server(case, Redis) as own:
        yield own


def fill(redis, records, stream="in"):
    with redis.client.pipeline(transaction=False) as pipeline:
        for record in records:
            pipeline.xadd(stream, {"record": record})
        return pipeline.execute()


def feeder(redis, *options):
    return Feeder(redis.case, [CONNECTOR, "in", "--url", redis.url, *options, "in"])


def drain(redis, records, run="5f0c", *options):
    return Drain(redis.case, [CONNECTOR, "out", "--url", redis.url, *options, "out"], records, run)


def stored(redis):
    return [fields[b"record"] for _, fields in redis.client.xrange("out")]


def restarts(redis):
    """Between some of the kills, the server is started again."""
    kills, times = option("kills", KILLS), option("restarts", RESTARTS)
    return kills, lambda number: redis.restart() if number % max(1, kills // times) == 0 else None


def test_in_each_entry_is_there_once_and_acknowledged(case, redis):
    kills, restart = restarts(redis)
    fill(redis, RECORDS)
    feed = feeder(redis)
    feed_with_kills(feed, len(RECORDS), random.Random(1), kills, restart)
    assert feed.contents() == RECORDS
    assert redis.client.xpending("in", "fanfold")["pending"] == 0


def test_in_a_server_that_restarts_under_the_connector_is_waited_for(case, redis):
    fill(redis, RECORDS[:2000])
    feed = feeder(redis)
    feed.start()
    feed.take(2000)
    redis.stop()
    feed.process.wait_for_stderr(r"^fanfold-redis: waiting: redis at unix:")
    feed.commit(1500)
    redis.start()
    fill(redis, RECORDS[2000:])
    feed.take(len(RECORDS))
    feed.finish()
    assert feed.contents() == RECORDS
    assert redis.client.xpending("in", "fanfold")["pending"] == 0


def test_in_only_what_is_committed_is_acknowledged(case, redis):
    fill(redis, RECORDS[:100])
    feed = feeder(redis)
    feed.start()
    feed.take(100)
    feed.commit(40)
    case.wait_for(lambda: redis.client.xpending("in", "fanfold")["pending"] == 60, "40 to be acknowledged")
    feed.kill()
    feed.start()
    feed.commit(70)
    case.wait_for(lambda: redis.client.xpending("in", "fanfold")["pending"] == 30, "70 to be acknowledged")
    feed.finish()
    assert redis.client.xpending("in", "fanfold")["pending"] == 0


def test_in_what_an_earlier_connector_was_given_late_is_not_passed_over(case, redis):
    fill(redis, RECORDS[:10])
    feed = feeder(redis)
    feed.start()
    feed.take(10)
    fill(redis, RECORDS[10:11], "other")
    redis.client.xgroup_create("other", "fanfold", id="0")
    # As one does that fanfold has closed already, and that has not noticed yet.
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.xadd("in", {"record": RECORDS[10]})
        pipeline.xreadgroup("fanfold", "fanfold", {"in": ">"})
        pipeline.execute()
    feed.take(11)
    fill(redis, RECORDS[11:20])
    feed.take(20)
    feed.finish()
    assert feed.contents() == RECORDS[:20]


def test_in_the_end_is_where_there_is_no_more(case, redis):
    entries = fill(redis, RECORDS[:100])
    redis.client.xdel("in", entries[7])
    feed = feeder(redis, "--until-empty")
    feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert feed.contents() == RECORDS[:7] + RECORDS[8:100]


def test_in_a_deleted_entry_that_was_pending_is_passed_over_and_acknowledged(case, redis):
    entries = fill(redis, RECORDS[:10])
    feed = feeder(redis)
    feed.start()
    feed.take(10)
    feed.kill()
    redis.client.xdel("in", entries[7])
    feed.records.clear()
    feed.start()
    feed.take(9)
    feed.finish()
    assert feed.contents() == RECORDS[:7] + RECORDS[8:10]
    assert redis.client.xpending("in", "fanfold")["pending"] == 0


def test_out_each_record_is_there_once_and_in_order(case, redis):
    kills, restart = restarts(redis)
    out = drain(redis, RECORDS)
    drain_with_kills(out, random.Random(2), kills, restart)
    assert stored(redis) == RECORDS


def test_out_a_server_that_restarts_under_the_connector_is_waited_for(case, redis):
    out = drain(redis, RECORDS)
    out.start()
    out.send(1000)
    out.await_stored(1)
    redis.stop()
    out.send(1100)
    out.process.wait_for_stderr(r"^fanfold-redis: waiting: redis at unix:")
    redis.start()
    out.finish()
    assert stored(redis) == RECORDS


def test_out_what_is_told_to_be_stored_is_there_at_every_kill(case, redis):
    out = drain(redis, RECORDS)
    chance = random.Random(3)
    for _ in range(KILLS):
        out.start()
        out.send(out.sent + chance.randrange(300))
        out.await_stored(chance.randint(out.stored, out.sent))
        out.kill()
        assert redis.client.xlen("out") >= out.stored
    out.start()
    out.finish()
    assert stored(redis) == RECORDS


def test_out_several_runs_share_a_stream_and_a_stranger_is_refused(case, redis):
    fill(redis, [b"older"], "out")
    for number, run in enumerate(["aa", "bb"]):
        out = drain(redis, RECORDS[number * 10 : number * 10 + 10], run)
        out.start()
        out.finish()
    assert stored(redis) == [b"older", *RECORDS[:20]]
    again = drain(redis, RECORDS[:10], "aa")
    again.spawn()
    again.have = None
    again.say("run aa 10")
    again.flush()
    again.process.expect(4)
    assert "has got" in again.process.stderr() and "from another writer" in again.process.stderr()
    again.close()


def test_a_wrong_password_is_told_and_a_right_one_is_in_no_command_line(case, redis):
    word = case.file("word", redis.PASSWORD.encode() + b"\n")
    feed = feeder(redis, "--password-file", word)
    case.env["FANFOLD_REDIS_PASSWORD"] = "wrong"
    fill(redis, RECORDS[:1])
    feed.start()
    feed.take(1)
    assert not [line for line in case.leftovers().values() if redis.PASSWORD in line]
    feed.finish()
    run = case.run(CONNECTOR, "in", "--url", redis.url, "in", stdin=b"start -\n")
    assert run.status == 4 and "WRONGPASS" in run.stderr(), run.stderr()
    run = case.run(CONNECTOR, "in", "--url", "redis://user:word@localhost", "in", stdin=b"start -\n")
    assert run.status == 2 and "a password in the URL is for all to read" in run.stderr()
