/* SPDX-License-Identifier: MIT */
/* What a launcher that places workers is told of the load, second by second. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"
#include "tests/unit/ventilator/source/input_fixture.h"

#include "ventilator/places.h"
#include <fcntl.h>
#include <sys/socket.h>

static struct ingest ingest;
static struct places places;
static int writer, launcher;

static void places_begin(void)
{
    struct source_config source_config = {.chunker = blocks_of(2)};
    int ends[2], line[2];
    set_up();
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    writer = ends[1];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
    launcher = line[0];
    places_init(&places, line[1]);
    ingest = (struct ingest){.source = open_sources(&source_config)};
    begin();
    ingest.chunk_store = chunk_store_new(ingest.source);
    ingest.dispatch = dispatch;
    ingest_start(&ingest, now_us);
}

static void places_end(void)
{
    close(writer);
    close(launcher);
    if (places.fd >= 0)
        close(places.fd);
    chunk_store_destroy(&ingest.chunk_store);
    source_destroy(&ingest.source);
    tear_down();
}

TestSuite(places, .init = places_begin, .fini = places_end);

/* A second later. */
static void expect_told(const char *expected)
{
    char text[4096];
    tick_after(SECOND_US);
    ingest_cut(&ingest, now_us);
    places_tick(&places, &ingest, now_us);
    ssize_t size = recv(launcher, text, sizeof text - 1, MSG_DONTWAIT);
    text[size > 0 ? size : 0] = '\0';
    cr_assert_str_eq(text, expected);
    cr_assert_lt(recv(launcher, text, sizeof text, MSG_DONTWAIT), 0, "in one packet");
}

static void come(const char *records)
{
    cr_assert_eq(write(writer, records, strlen(records)), (ssize_t)strlen(records));
}

Test(places, are_told_the_load_and_who_is_idle)
{
    expect_told("load 0 0 0 open\n");
    come("a\nb\nc\n");
    expect_told("load 3 0 0 open\n");
    join(A);
    expect_told("load 3 1 1 open\n");
    done(A, 0, 1);
    done(A, 1, 1);
    progress(0, 2, 2, 2);
    expect_told("load 1 1 1 open\n");
    done(A, 2, 1);
    progress(2, 1, 3, 3);
    ping(A, LINK_OPEN, false, NULL);
    expect_told("load 0 1 1 open\n");
    ping(A, LINK_OPEN, false, NULL);
    expect_told("idle A 1000\nload 0 1 1 open\n");
}

Test(places, are_told_when_there_is_more_than_was_cut_and_when_all_is)
{
    come("1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    expect_told("load 8 0 0 full\n");
    close(writer);
    writer = open("/dev/null", O_WRONLY);
    join(A);
    expect_told("load 9 1 1 ended\n");
}

Test(places, are_not_told_that_an_input_is_full_that_was_not_read_yet)
{
    char text[64] = "";
    places_tick(&places, &ingest, now_us);
    cr_assert_gt(recv(launcher, text, sizeof text - 1, MSG_DONTWAIT), 0);
    cr_assert_str_eq(text, "load 0 0 0 open\n");
}

Test(places, are_told_once_a_second)
{
    expect_told("load 0 0 0 open\n");
    cr_assert_eq(places_tick(&places, &ingest, now_us + 1), now_us + SECOND_US);
    char byte;
    cr_assert_lt(recv(launcher, &byte, 1, MSG_DONTWAIT), 0);
}

Test(places, may_vanish)
{
    shutdown(launcher, SHUT_RDWR);
    cr_assert_eq(places_tick(&places, &ingest, now_us), NEVER_US);
    cr_assert_eq(places.fd, -1);
}
