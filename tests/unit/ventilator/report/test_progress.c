/* SPDX-License-Identifier: MIT */
/* For what a person is told that the run waits. */
#include "common/log.h"
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"
#include "ventilator/report/progress.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct progress shown;
static struct progress_bytes bytes;
static int lines;
static int64_t running = -1; /* the chunk that A runs */

/* What is said is caught from here on. */
static void start(enum log_level level, bool quiet)
{
    set_up();
    log_init("v", level);
    lines = memfd_create("lines", MFD_CLOEXEC);
    dup2(lines, STDERR_FILENO);
    begin();
    const struct progress_config said = {
        .endpoint = "ipc://tasks", .quiet = quiet, .min_workers = 1};
    progress_init(&shown, &said, now_us);
    progress_tick(&shown, dispatch, &bytes, now_us);
}

static void wait_for(int64_t seconds)
{
    for (int64_t end_us = now_us + seconds * SECOND_US; now_us < end_us;) {
        tick_after(SECOND_US);
        if (running >= 0)
            runs(A, (uint64_t)running, 1);
        else
            ping(A, LINK_OPEN, false, NULL);
        progress_tick(&shown, dispatch, &bytes, now_us);
    }
}

static void expect_said(const char *wanted)
{
    char said[2000];
    ssize_t size = pread(lines, said, sizeof said - 1, 0);
    said[size > 0 ? size : 0] = '\0';
    cr_assert_str_eq(said, wanted);
    cr_assert_eq(ftruncate(lines, 0) + lseek(lines, 0, SEEK_SET), 0);
}

/* A has the next chunk, and runs it. */
static void give(void)
{
    if (running < 0)
        join(A);
    running++;
    cut(1);
    tick_after(0);
    runs(A, (uint64_t)running, 1);
    progress_tick(&shown, dispatch, &bytes, now_us);
}

static void take(void)
{
    done(A, (uint64_t)running, 20 * SECOND_US);
}

TestSuite(progress, .fini = tear_down);

Test(progress, is_silent_of_a_run_that_takes_its_time)
{
    start(LOG_LEVEL_WARN, false);
    bytes.starved = true;
    wait_for(100);
    give();
    wait_for(59);
    expect_said("");
}

Test(progress, tells_once_of_a_result_that_does_not_come)
{
    start(LOG_LEVEL_WARN, false);
    give();
    wait_for(1000);
    expect_said("v: waiting for chunk 0, which the worker on \"?\" (process 0) has had "
                "for 60 s\n");
}

Test(progress, judges_a_result_by_those_before_it)
{
    start(LOG_LEVEL_WARN, false);
    give();
    take();
    progress(0, 1, 1, 1);
    give();
    wait_for(199);
    expect_said("");
    wait_for(2);
    expect_said("v: waiting for chunk 1, which the worker on \"?\" (process 0) has had "
                "for 200 s; no other chunk has taken more than 20.0 s\n");
}

Test(progress, quiet_is_quiet)
{
    start(LOG_LEVEL_WARN, true);
    wait_for(20);
    give();
    wait_for(1000);
    expect_said("");
}

Test(progress, logs_each_wait_after_ten_seconds)
{
    start(LOG_LEVEL_INFO, false);
    bytes.starved = true;
    wait_for(30);
    expect_said("v: info waits for=input seq=0 seconds=10\n");
    give();
    wait_for(30);
    expect_said("v: info waits for=result seq=0 host=\"?\" pid=0 seconds=10\n");
    take();
    progress(0, 1, 0, 0);
    running = -1;
    wait_for(11);
    expect_said("v: info waits for=output seq=0 seconds=10\n");
}

Test(progress, says_again_that_workers_are_awaited_when_they_have_been_there)
{
    start(LOG_LEVEL_WARN, false);
    cut(4);
    tick_after(0);
    progress_tick(&shown, dispatch, &bytes, now_us);
    tick_after(SECOND_US);
    progress_tick(&shown, dispatch, &bytes, now_us);
    expect_said("v: waiting for workers ...\n");
    join(A);
    wait_for(2);
    ping(A, LINK_OPEN, true, NULL);
    for (int i = 0; i < 30; i++) { /* it is lost, after its liveness */
        tick_after(SECOND_US);
        progress_tick(&shown, dispatch, &bytes, now_us);
    }
    expect_said("v: waiting for workers ...\n");
}

Test(progress, says_which_worker_is_lost_and_for_how_many_it_waits)
{
    start(LOG_LEVEL_WARN, false);
    cut(4);
    join(A);
    tick_after(0);
    for (int i = 0; i < 30; i++) {
        tick_after(SECOND_US);
        progress_tick(&shown, dispatch, &bytes, now_us);
    }
    expect_said(
        "v: lost the worker on \"?\" (process 0): no connection, or no word for "
        "too long; 0 workers are left\n"
        "v: waiting for workers; lost so far: the worker on \"?\" (process 0)\n");
    hello_with(A, 2, LINK_OPEN, NULL, 0);
    progress_tick(&shown, dispatch, &bytes, now_us);
    tick_after(SECOND_US);
    progress_tick(&shown, dispatch, &bytes, now_us);
    expect_said("v: all workers that were lost are back\n");
}

Test(progress, says_that_the_sink_is_lost_once_and_that_it_is_back)
{
    start(LOG_LEVEL_WARN, false);
    give();
    dispatch_on_unreachable(dispatch, SINK, now_us);
    running = 0;
    wait_for(5);
    expect_said("v: lost the sink: no connection, or no word for too long; waiting for "
                "it, or for one that resumes its output\n");
    hello_sink_nonce(2, 1, 2, false);
    wait_for(3);
    expect_said("v: the sink is back\n");
}
