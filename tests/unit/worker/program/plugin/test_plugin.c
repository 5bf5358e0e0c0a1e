/* SPDX-License-Identifier: MIT */
/* worker/program/program.h in plugin mode, with real plugins. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void refused(const char *plugin, const char *const *words, int status,
                    const char *part)
{
    struct program_fixture *fixture = fixture_open_plugin(1, plugin, words);
    cr_assert_eq(fixture->status, status, "%d %s", fixture->status, fixture->error);
    cr_assert(strstr(fixture->error, part), "%s", fixture->error);
    cr_assert_null(fixture->program);
    fixture_close(&fixture);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

Test(plugin, is_refused_with_a_sentence_when_it_cannot_be_loaded_or_prepared)
{
    refused("/no/such/plugin.so", WORDS("x"), 127, "No such file");
    refused("/etc/passwd", WORDS("x"), 126, "/etc/passwd");
    refused("/lib/x86_64-linux-gnu/libm.so.6", WORDS("x"), 126, "exports no");
    refused(MISBEHAVING_PLUGIN, WORDS("x", "fail", "/dict"), 126,
            "no dictionary at /dict");
    refused(MISBEHAVING_PLUGIN, WORDS("x", "full"), 126, "fff");
    refused(MISBEHAVING_PLUGIN, WORDS("x", "crash"), 126, "signal 11");
    refused(MISBEHAVING_PLUGIN, WORDS("x", "exit"), 126, "exit (7)");
}

static void echo_all_sizes(bool lending, uint32_t lent)
{
    static const size_t sizes[] = {
        0,        1, 60,        (64 << 10) + 1, (1 << 20) + 1,
        20 << 20, 1, 128 << 10, (128 << 10) - 1};
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    program_set_results(fixture->program, UINT64_MAX, lending);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *data = malloc(sizes[i] + 1);
        for (size_t at = 0; at < sizes[i]; at++)
            data[at] = (char)(at * 31 + at / 256 + i);
        struct note *note = fixture_run(fixture, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, sizes[i]);
        cr_assert_eq(memcmp(note->data, data, sizes[i]), 0);
        free(data);
    }
    cr_assert_eq(fixture->lent, lent);
    fixture_close(&fixture);
}

Test(plugin, gives_back_what_echo_gives_for_any_size)
{
    echo_all_sizes(false, 0);
    echo_all_sizes(true, 3);
}

Test(plugin, lends_the_same_memory_for_many_results)
{
    static char data[300000];
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    program_set_results(fixture->program, UINT64_MAX, true);
    for (uint64_t seq = 0; seq < 40; seq++) {
        memset(data, (int)seq, sizeof data);
        struct note *note = fixture_run(fixture, data, sizeof data);
        cr_assert_eq(note->size, sizeof data);
        cr_assert_eq(memcmp(note->data, data, sizeof data), 0);
    }
    cr_assert_eq(fixture->lent, 40);
    int fds = 0;
    for (int fd = 0; fd < 256; fd++)
        fds += fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_SEAL);
    cr_assert_leq(fds, 5 + 6, "the channel's, and those that are kept for a slot");
    fixture_close(&fixture);
}

Test(plugin, is_given_the_header_before_each_chunk_of_a_batch)
{
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    fixture->header = slice_of_text("name\tsize\n");
    for (uint64_t seq = 0; seq < 5; seq++)
        fixture_start(fixture, 0, seq, "alpha 1\nbeta", seq == 3 ? 0 : 12);
    cr_assert(fixture_await(fixture, 5));
    for (uint32_t i = 0; i < 5; i++) {
        const char *wanted = i == 3 ? "name\tsize\n" : "name\tsize\nalpha 1\nbeta";
        cr_assert_eq(fixture->notes[i].seq, i);
        cr_assert_eq(fixture->notes[i].size, strlen(wanted));
        cr_assert_eq(memcmp(fixture->notes[i].data, wanted, strlen(wanted)), 0);
    }
    fixture_close(&fixture);
}

/* Keeps `slots` full until `total` are done; checks nothing but counts. */
static void pour(struct program_fixture *fixture, uint32_t slots, uint32_t total,
                 const char *data, size_t size)
{
    uint32_t started = 0, depth = program_depth(fixture->program);
    uint32_t given[8] = {0};
    while (fixture->count < total) {
        for (uint32_t slot = 0; slot < slots; slot++)
            for (; given[slot] < fixture->count / slots + depth / 2 && started < total;
                 given[slot]++)
                fixture_start(fixture, slot, started++, data, size);
        cr_assert(fixture_await(fixture, fixture->count + 1));
    }
}

Test(plugin, takes_a_hundred_thousand_tiny_tasks)
{
    struct program_fixture *fixture = opened(2, ECHO_PLUGIN);
    static char line[60];
    memset(line, 'x', sizeof line);
    pour(fixture, 2, 100000, line, sizeof line);
    cr_assert_eq(fixture->done, 100000);
    cr_assert_eq(fixture->bytes, 6000000);
    fixture_close(&fixture);
}

Test(plugin, knows_its_slot_and_attempt)
{
    struct program_fixture *fixture = opened(3, MISBEHAVING_PLUGIN);
    start_text(fixture, 2, 5, "pid");
    cr_assert(fixture_await(fixture, 1));
    cr_assert(strstr((char *)fixture->notes[0].data, " 3 1"));
    fixture_close(&fixture);
}

Test(plugin, keeps_its_stdout_out_of_the_data)
{
    int fd = catch_stderr();
    struct program_fixture *fixture = opened(2, MISBEHAVING_PLUGIN);
    start_text(fixture, 1, 5, "stdout hello");
    cr_assert(fixture_await(fixture, 1));
    start_text(fixture, 1, 6, "mutter goodbye");
    cr_assert(fixture_await(fixture, 2));
    fixture_close(&fixture);
    const char *text = caught(fd);
    cr_assert(strstr(text, "[slot 2 seq 5] hello\n"), "%s", text);
    cr_assert(strstr(text, "goodbye"), "%s", text);
}

Test(plugin, does_not_let_a_child_of_process_continue_in_the_slot)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    start_text(fixture, 0, 0, "pid");
    start_text(fixture, 0, 1, "fork");
    start_text(fixture, 0, 2, "pid");
    cr_assert(fixture_await(fixture, 3));
    cr_assert_eq(fixture->done, 3);
    cr_assert_str_eq((char *)note_of(fixture, 1)->data, "fork");
    cr_assert_str_eq((char *)note_of(fixture, 2)->data,
                     (char *)note_of(fixture, 0)->data);
    fixture_close(&fixture);
}

Test(plugin, stops_and_continues_its_slots_with_the_worker)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork();
    if (worker == 0) {
        setpgid(0, 0);
        struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
        struct note *note = fixture_run(fixture, "pid", 3);
        cr_assert_gt(write(said[1], note->data, note->size), 0);
        cr_assert_eq(read(go[0], text, 1), 1);
        note = fixture_run(fixture, "still", 5);
        bool right = note && note->kind == NOTE_DONE;
        fixture_close(&fixture);
        _exit(!right);
    }
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    for (int round = 0; round < 20; round++)
        cr_assert(fixture_suspend(worker, atoi(text), round % 2), "%d", round);
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}

Test(plugin, calls_finish_once_when_it_closes)
{
    int fd = catch_stderr();
    struct program_fixture *fixture =
        fixture_open_plugin(3, MISBEHAVING_PLUGIN, WORDS(MISBEHAVING_PLUGIN, "finish"));
    fixture_run(fixture, "x", 1);
    fixture_close(&fixture);
    cr_assert_eq(occurrences(caught(fd), "misbehaving: finished"), 1);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}
