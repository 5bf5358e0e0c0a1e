# SPDX-License-Identifier: MIT
"""fanfold-postgresql against a real PostgreSQL: each record once, whatever is killed."""

import json
import random
import threading

import pytest
from connector_driver import Drain, Feeder, drain_with_kills, feed_with_kills
from harness import option, program_path
from servers import PostgreSQL, server

KILLS, RESTARTS = 6, 2
RECORDS = [b"record %d\n\0\xff" % number + b"x" * (number % 200) for number in range(4000)]
CONNECTOR = program_path("fanfold-postgresql")


@pytest.fixture
def postgresql(case):
    with server(case, PostgreSQL) as own:
        own.query("CREATE TABLE source (id bigint PRIMARY KEY, payload bytea)")
        own.query("CREATE TABLE target (number bigserial PRIMARY KEY, payload bytea)")
        yield own


def fill(postgresql, records, first=0):
    for number in range(0, len(records), 500):
        some = [postgresql.module.Binary(record) for record in records[number : number + 500]]
        start = first + number
        postgresql.query("INSERT INTO source SELECT 10 * row_number() OVER () + %s, x FROM unnest(%s) AS x", 10 * start, some)


def feeder(postgresql, *options):
    return Feeder(postgresql.case, [CONNECTOR, "in", "--dsn", postgresql.dsn, "--poll", "0.1", "--key", "id", *(options or ["--column", "payload"]), "source"])


def drain(postgresql, records, run="5f0c"):
    return Drain(postgresql.case, [CONNECTOR, "out", "--dsn", postgresql.dsn, "--column", "payload", "target"], records, run)


def stored(postgresql):
    return [bytes(payload) for (payload,) in postgresql.query("SELECT payload FROM target ORDER BY number")]


def restarts(postgresql):
    """Between some of the kills, the server is started again."""
    kills, times = option("kills", KILLS), option("restarts", RESTARTS)
    return kills, lambda number: postgresql.restart() if number % max(1, kills // times) == 0 else None


def test_in_each_row_is_there_once(case, postgresql):
    kills, restart = restarts(postgresql)
    fill(postgresql, RECORDS)
    feed = feeder(postgresql)
    feed_with_kills(feed, len(RECORDS), random.Random(1), kills, restart)
    assert feed.contents() == RECORDS


def test_in_a_server_that_restarts_under_the_connector_is_waited_for(case, postgresql):
    fill(postgresql, RECORDS[:2000])
    feed = feeder(postgresql)
    feed.start()
    feed.take(2000)
    postgresql.stop()
    feed.process.wait_for_stderr(r"^fanfold-postgresql: waiting: postgresql: ")
    postgresql.start()
    fill(postgresql, RECORDS[2000:], 2000)
    feed.take(len(RECORDS))
    feed.finish()
    assert feed.contents() == RECORDS


def test_in_a_row_is_an_object_and_any_unique_key_will_do(case, postgresql):
    postgresql.query("CREATE SCHEMA other")
    postgresql.query("CREATE TABLE other.named (at timestamptz UNIQUE NOT NULL, \"a 100%%s name\" text)")
    postgresql.query("INSERT INTO other.named SELECT '2026-01-01'::timestamptz + x * interval '1 s', x || E'\\n' FROM generate_series(1, 1200) AS x")
    feed = Feeder(case, [CONNECTOR, "in", "--dsn", postgresql.dsn, "--key", "at", "--until-empty", "other.named"])
    feed.start()
    feed.take(700)
    feed.kill()
    feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert [json.loads(record)["a 100%s name"] for record in feed.contents()] == [f"{x}\n" for x in range(1, 1201)]


def test_in_a_row_that_is_committed_late_is_waited_for_with_lock(case, postgresql):
    feed = feeder(postgresql, "--lock", "--column", "payload")
    late = postgresql.connect()
    late.autocommit = False
    late.cursor().execute("INSERT INTO source VALUES (10, 'first')")
    fill(postgresql, RECORDS[:5], 1)
    feed.start()

    def waits():
        return postgresql.query("SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND NOT granted AND locktype = 'relation'")[0][0]

    case.wait_for(waits, "the connector to wait for the writer")
    assert not feed.records
    late.commit()
    feed.take(6)
    feed.finish()
    assert feed.contents() == [b"first", *RECORDS[:5]]


def test_in_a_key_that_is_not_unique_is_refused(case, postgresql):
    postgresql.query("CREATE TABLE loose (id bigint NOT NULL, payload bytea)")
    run = case.run(CONNECTOR, "in", "--dsn", postgresql.dsn, "--key", "id", "loose", stdin=b"start -\n")
    assert run.status == 4 and "must be unique and not null" in run.stderr()
    run = case.run(CONNECTOR, "in", "--dsn", postgresql.dsn, "--key", "id", "nowhere", stdin=b"start -\n")
    assert run.status == 4 and '"nowhere" does not exist' in run.stderr()


def test_out_each_record_is_there_once_and_in_order(case, postgresql):
    kills, restart = restarts(postgresql)
    out = drain(postgresql, RECORDS)
    drain_with_kills(out, random.Random(2), kills, restart)
    assert stored(postgresql) == RECORDS


def test_out_a_server_that_restarts_under_the_connector_is_waited_for(case, postgresql):
    out = drain(postgresql, RECORDS)
    out.start()
    out.send(1000)
    out.await_stored(1000)
    postgresql.stop()
    out.send(1100)
    out.process.wait_for_stderr(r"^fanfold-postgresql: waiting: postgresql: ")
    postgresql.start()
    out.finish()
    assert stored(postgresql) == RECORDS


def test_out_two_connectors_of_a_run_store_each_record_once(case, postgresql):
    """One that was taken for dead still writes."""
    both = [drain(postgresql, RECORDS[:2000]) for _ in range(2)]
    for out in both:
        out.farthest = len(RECORDS)
        out.start()
    threads = [threading.Thread(target=out.finish) for out in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(postgresql) == RECORDS[:2000]


def test_out_objects_fill_columns_and_others_have_their_defaults(case, postgresql):
    postgresql.query("CREATE TABLE objects (number bigserial PRIMARY KEY, a int, b text)")
    records = [json.dumps({"a": number, "b": f"%s é {number}"}).encode() for number in range(100)]
    out = Drain(case, [CONNECTOR, "out", "--dsn", postgresql.dsn, "--json", "a,b", "objects"], records)
    out.start()
    out.finish()
    assert postgresql.query("SELECT number, a, b FROM objects ORDER BY 1") == [(n + 1, n, f"%s é {n}") for n in range(100)]


@pytest.mark.parametrize("kind, record, sentence", [("text", b"\xff", "record 0 is not UTF-8"), ("int", b"x", "invalid input syntax"), ("text", b"a\0b", "NUL")])
def test_out_a_record_that_a_column_cannot_take_is_told(case, postgresql, kind, record, sentence):
    postgresql.query(f"CREATE TABLE narrow (payload {kind})")
    run = case.run(CONNECTOR, "out", "--dsn", postgresql.dsn, "--column", "payload", "narrow", stdin=b"run aa 0\n0 %d\n" % len(record) + record)
    assert run.status == 4 and sentence in run.stderr(), run.stderr()
    assert run.output() == b"have 0\n"


def test_a_password_comes_from_a_file_and_never_from_the_command_line(case, postgresql):
    del case.env["PGPASSWORD"]
    run = case.run(CONNECTOR, "in", "--dsn", postgresql.dsn + " password=x", "--key", "id", "source", stdin=b"start -\n")
    assert run.status == 2 and "for all to read" in run.stderr()
    run = case.run(CONNECTOR, "in", "--dsn", postgresql.dsn, "--key", "id", "source", stdin=b"start -\n")
    assert run.status == 4 and "no password supplied" in run.stderr(), run.stderr()
    word = case.file("word", postgresql.PASSWORD.encode() + b"\n")
    run = case.run(CONNECTOR, "in", "--dsn", postgresql.dsn, "--password-file", word, "--until-empty", "--key", "id", "source", stdin=b"start -\n")
    assert run.status == 0, run.stderr()
