/* SPDX-License-Identifier: MIT */
/* worker/program.h in plugin mode, with real plugins. */
#include "stand.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct stand *opened(uint32_t slots, const char *plugin)
{
    struct stand *stand = stand_open_plugin(slots, plugin, WORDS(plugin));
    cr_assert_eq(stand->status, 0, "%s", stand->error);
    return stand;
}

static void start_text(struct stand *stand, uint32_t slot, uint64_t seq,
                       const char *text)
{
    stand_start(stand, slot, seq, text, strlen(text));
}

static struct note *note_of(struct stand *stand, uint64_t seq)
{
    for (uint32_t i = 0; i < stand->count; i++)
        if (stand->notes[i].seq == seq)
            return &stand->notes[i];
    cr_assert_fail("nothing was told of %u", (unsigned)seq);
    return NULL;
}

/* What stderr of this process gets; read after everything that writes is closed. */
static int catch_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static char *caught(int fd)
{
    static char text[8192];
    fclose(stderr);
    close(STDERR_FILENO);
    size_t size = 0;
    for (ssize_t got; (got = read(fd, text + size, sizeof text - 1 - size)) > 0;)
        size += (size_t)got;
    text[size] = '\0';
    return text;
}

static unsigned occurrences(const char *text, const char *word)
{
    unsigned count = 0;
    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

Test(plugin, gives_back_what_echo_gives_for_any_size)
{
    static const size_t sizes[] = {0,        1, 60, (64 << 10) + 1, (1 << 20) + 1,
                                   20 << 20, 1};
    struct stand *stand = opened(1, ECHO_PLUGIN);
    cr_assert_eq(program_prepared(stand->program), 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *data = malloc(sizes[i] + 1);
        for (size_t at = 0; at < sizes[i]; at++)
            data[at] = (char)(at * 31 + at / 256 + i);
        struct note *note = stand_run(stand, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, sizes[i]);
        cr_assert_eq(memcmp(note->data, data, sizes[i]), 0);
        free(data);
    }
    stand_close(&stand);
}

Test(plugin, is_given_the_header_before_each_chunk_of_a_batch)
{
    struct stand *stand = opened(1, ECHO_PLUGIN);
    stand->header = slice_of_text("name\tsize\n");
    for (uint64_t seq = 0; seq < 5; seq++)
        stand_start(stand, 0, seq, "alpha 1\nbeta", seq == 3 ? 0 : 12);
    cr_assert(stand_await(stand, 5));
    for (uint32_t i = 0; i < 5; i++) {
        const char *wanted = i == 3 ? "name\tsize\n" : "name\tsize\nalpha 1\nbeta";
        cr_assert_eq(stand->notes[i].seq, i);
        cr_assert_eq(stand->notes[i].size, strlen(wanted));
        cr_assert_eq(memcmp(stand->notes[i].data, wanted, strlen(wanted)), 0);
    }
    stand_close(&stand);
}

/* Keeps `slots` full until `total` are done; checks nothing but counts. */
static void pour(struct stand *stand, uint32_t slots, uint32_t total, const char *data,
                 size_t size)
{
    uint32_t started = 0, depth = program_depth(stand->program);
    uint32_t given[8] = {0};
    while (stand->count < total) {
        for (uint32_t slot = 0; slot < slots; slot++)
            for (; given[slot] < stand->count / slots + depth / 2 && started < total;
                 given[slot]++)
                stand_start(stand, slot, started++, data, size);
        cr_assert(stand_await(stand, stand->count + 1));
    }
}

Test(plugin, takes_a_hundred_thousand_tiny_tasks)
{
    struct stand *stand = opened(2, ECHO_PLUGIN);
    static char line[60];
    memset(line, 'x', sizeof line);
    pour(stand, 2, 100000, line, sizeof line);
    cr_assert_eq(stand->done, 100000);
    cr_assert_eq(stand->bytes, 6000000);
    stand_close(&stand);
}

Test(plugin, tells_results_in_the_order_of_the_tasks)
{
    struct stand *stand = opened(1, ECHO_PLUGIN);
    for (uint64_t seq = 0; seq < 200; seq++)
        start_text(stand, 0, seq, "line\n");
    cr_assert(stand_await(stand, 200));
    for (uint32_t i = 0; i < 200; i++)
        cr_assert_eq(stand->notes[i].seq, i);
    stand_close(&stand);
}

Test(plugin, does_not_hold_back_results_before_a_task_that_takes_long)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    start_text(stand, 0, 0, "one");
    start_text(stand, 0, 1, "two");
    start_text(stand, 0, 2, "pause");
    start_text(stand, 0, 3, "four");
    cr_assert(stand_await(stand, 2));
    cr_assert_eq(stand->done, 2);
    cr_assert(!stand_turn(stand, 20) || !stand_turn(stand, 20) ||
                  !stand_turn(stand, 20),
              "it goes on looking");
    program_kill(stand->program, 0, 2, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 3);
    cr_assert_eq(note_of(stand, 3)->kind, NOTE_UNSTARTED);
    stand_close(&stand);
}

Test(plugin, fails_the_task_that_crashed_and_no_other)
{
    int fd = catch_stderr();
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    for (int round = 0; round < 3; round++) {
        uint64_t base = (uint64_t)round * 10;
        start_text(stand, 0, base, "before");
        start_text(stand, 0, base + 1, "segv");
        start_text(stand, 0, base + 2, "after");
        cr_assert(stand_await_ready(stand, (uint32_t)round + 1));
        cr_assert_eq(note_of(stand, base)->kind, NOTE_DONE);
        cr_assert_eq(note_of(stand, base + 1)->kind, NOTE_FAILED);
        cr_assert_eq(note_of(stand, base + 1)->how, FAILURE_SIGNAL);
        cr_assert_eq(note_of(stand, base + 1)->code, SIGSEGV);
        cr_assert_eq(note_of(stand, base + 2)->kind, NOTE_UNSTARTED);
    }
    cr_assert_eq(stand_run(stand, "still", 5)->kind, NOTE_DONE);
    cr_assert_eq(program_prepared(stand->program), 1);
    stand_close(&stand);
    cr_assert_eq(occurrences(caught(fd), "trouble: prepared"), 1);
}

static void expect_timeout(struct stand *stand, uint64_t seq, const char *text)
{
    const struct note *note = note_of(stand, seq);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->how, FAILURE_TIMEOUT);
    cr_assert_str_eq(note->text, text);
}

Test(plugin, ends_a_task_that_runs_for_too_long_and_gives_the_others_back)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    stand_start_limited(stand, 0, 0, "one", 200);
    stand_start_limited(stand, 0, 1, "pause", 200);
    stand_start_limited(stand, 0, 2, "three", 200);
    cr_assert(stand_await(stand, 3));
    cr_assert_eq(note_of(stand, 0)->kind, NOTE_DONE);
    expect_timeout(stand, 1, "ran longer than 0.2 s");
    cr_assert_geq(note_of(stand, 1)->run_us, 200000);
    cr_assert_eq(note_of(stand, 2)->kind, NOTE_UNSTARTED);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(program_prepared(stand->program), 1);
    cr_assert_eq(stand_run(stand, "more", 4)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(plugin, kills_after_a_while_a_slot_that_is_deaf_to_its_end)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    stand_start_limited(stand, 0, 0, "stubborn", 100);
    cr_assert(stand_await(stand, 1));
    expect_timeout(stand, 0, "ran longer than 0.1 s");
    cr_assert_geq(note_of(stand, 0)->run_us, 1100000);
    stand_close(&stand);
}

Test(plugin, calls_it_a_timeout_where_process_returns_because_it_is_told_to_end)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    stand_start_limited(stand, 0, 0, "late", 100);
    stand_start_limited(stand, 0, 1, "pause", 0);
    cr_assert(stand_await(stand, 2));
    expect_timeout(stand, 0, "ran longer than 0.1 s");
    cr_assert_eq(note_of(stand, 1)->kind, NOTE_UNSTARTED);
    cr_assert(stand_await_ready(stand, 1));
    stand_close(&stand);
}

Test(plugin, counts_only_the_time_from_when_the_slot_began_a_task)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    for (uint64_t seq = 0; seq < 8; seq++)
        stand_start_limited(stand, 0, seq, "sleep 200", 1000);
    cr_assert(stand_await(stand, 8));
    cr_assert_eq(stand->done, 8, "1.6 s in all");
    stand_start_limited(stand, 0, 8, "sleep 500", 0);
    stand_start_limited(stand, 0, 9, "pause", 100);
    cr_assert(stand_await(stand, 10));
    cr_assert_eq(note_of(stand, 8)->kind, NOTE_DONE);
    expect_timeout(stand, 9, "ran longer than 0.1 s");
    stand_close(&stand);
}

Test(plugin, tells_of_a_timeout_with_what_this_attempt_has_said)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    stand_start_limited(stand, 0, 0, "say hello", 300);
    cr_assert(stand_await(stand, 1));
    expect_timeout(stand, 0, "hello\n");
    cr_assert(stand_await_ready(stand, 1));
    stand_start_limited(stand, 0, 0, "pause", 100); /* another attempt, say */
    cr_assert(stand_await(stand, 2));
    cr_assert_str_eq(stand->notes[1].text, "ran longer than 0.1 s");
    stand_close(&stand);
}

Test(plugin, reports_exit_and_abort_with_what_was_said)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    struct note *note = stand_run(stand, "exit 9", 6);
    cr_assert_eq(note->how, FAILURE_EXIT);
    cr_assert_eq(note->code, 9);
    cr_assert_str_eq(note->text, "the plugin called exit (9)");
    note = stand_run(stand, "exit 0", 6);
    cr_assert_eq(note->how, FAILURE_EXIT);
    note = stand_run(stand, "abort here", 10);
    cr_assert_eq(note->how, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGABRT);
    cr_assert_str_eq(note->text, "assertion failed: here\n");
    stand_close(&stand);
}

Test(plugin, replaces_a_slot_that_is_killed_while_it_has_nothing_to_do)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    struct note *note = stand_run(stand, "pid", 3);
    int pid = atoi((char *)note->data);
    kill(pid, SIGKILL);
    cr_assert_eq(stand_await_ready(stand, 1), true);
    cr_assert_eq(stand->count, 1);
    note = stand_run(stand, "pid", 3);
    cr_assert_neq(atoi((char *)note->data), pid);
    stand_close(&stand);
}

Test(plugin, reports_the_message_and_code_of_process)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    struct note *note = stand_run(stand, "fail at line 3", 14);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->how, FAILURE_REPORTED);
    cr_assert_eq(note->code, 42);
    cr_assert_str_eq(note->text, "bad record: at line 3");
    cr_assert_eq(stand_run(stand, "next", 4)->kind, NOTE_DONE);
    cr_assert_eq(stand->ready, 0, "the slot was replaced for it");
    stand_close(&stand);
}

Test(plugin, ends_a_message_that_fills_its_room_without_an_end)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    struct note *note = stand_run(stand, "full", 4);
    cr_assert_eq(note->how, FAILURE_REPORTED);
    cr_assert_gt(note->text_size, 1000);
    for (size_t i = 0; i < note->text_size; i++)
        cr_assert_eq(note->text[i], 'f');
    cr_assert_eq(note->code, 1, "-1 was told as %u", (unsigned)note->code);
    stand_close(&stand);
}

Test(plugin, does_not_let_a_child_of_process_go_on_in_the_slot)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    start_text(stand, 0, 0, "pid");
    start_text(stand, 0, 1, "fork");
    start_text(stand, 0, 2, "pid");
    cr_assert(stand_await(stand, 3));
    cr_assert_eq(stand->done, 3);
    cr_assert_str_eq((char *)note_of(stand, 1)->data, "fork");
    cr_assert_str_eq((char *)note_of(stand, 2)->data, (char *)note_of(stand, 0)->data);
    stand_close(&stand);
}

Test(plugin, grows_the_output_as_far_as_it_is_needed)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    struct note *note = stand_run(stand, "big 50000000", 12);
    cr_assert_eq(note->size, 50000000);
    cr_assert(note->data[0] == 'b' && note->data[49999999] == 'b');
    stand_close(&stand);
}

Test(plugin, gives_memory_back_after_a_batch_of_long_results)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    for (uint64_t seq = 0; seq < 100; seq++)
        start_text(stand, 0, seq, "big 10000000");
    cr_assert(stand_await(stand, 100));
    cr_assert_eq(stand->bytes, 1000000000);
    for (int i = 0; i < 200; i++)
        stand_run(stand, "x", 1);
    char line[256];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        (void)sscanf(line, "RssShmem: %zu", &kib);
    fclose(status);
    cr_assert_lt(kib, 40 << 10);
    stand_close(&stand);
}

Test(plugin, refuses_a_result_above_the_limit)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    program_set_max_result(stand->program, 1000000);
    cr_assert_eq(stand_run(stand, "big 1000000", 11)->kind, NOTE_DONE);
    cr_assert_eq(stand_run(stand, "big 1000001", 11)->how, FAILURE_TOO_LARGE);
    program_set_max_result(stand->program, 3);
    cr_assert_eq(stand_run(stand, "1234", 4)->how, FAILURE_TOO_LARGE);
    cr_assert_eq(stand_run(stand, "123", 3)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(plugin, survives_whatever_a_plugin_writes_over_the_shared_memory)
{
    static const char *const ways[] = {"counts", "all", "result"};
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[64];
        snprintf(text, sizeof text, "scribble %s", ways[i]);
        start_text(stand, 0, 100 + i, text);
        start_text(stand, 0, 200 + i, "innocent");
        cr_assert(stand_await_ready(stand, (uint32_t)i + 1));
        cr_assert_eq(note_of(stand, 100 + i)->kind, NOTE_FAILED);
        cr_assert_eq(note_of(stand, 100 + i)->how, FAILURE_PROTOCOL, "%s: %d", ways[i],
                     note_of(stand, 100 + i)->how);
        cr_assert_eq(note_of(stand, 200 + i)->kind, NOTE_UNSTARTED);
    }
    struct note *note = stand_run(stand, "scribble shrink", 15);
    cr_assert_eq(note->kind, NOTE_DONE);
    note = stand_run(stand, "overrun", 7);
    cr_assert_eq(note->how, FAILURE_PROTOCOL);
    cr_assert_eq(stand_run(stand, "fine", 4)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(plugin, says_nothing_of_a_task_that_was_killed_and_gives_the_others_back)
{
    struct stand *stand = opened(1, TROUBLE_PLUGIN);
    start_text(stand, 0, 0, "done");
    cr_assert(stand_await(stand, 1));
    start_text(stand, 0, 1, "pause");
    start_text(stand, 0, 2, "waits");
    start_text(stand, 0, 3, "waits, too");
    program_flush(stand->program);
    program_kill(stand->program, 0, 1, 1);
    program_kill(stand->program, 0, 3, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 2);
    cr_assert_eq(note_of(stand, 2)->kind, NOTE_UNSTARTED);
    program_kill(stand->program, 0, 99, 1);
    cr_assert(stand_await_ready(stand, 2));
    cr_assert_eq(stand_run(stand, "fine", 4)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(plugin, knows_its_slot_and_attempt)
{
    struct stand *stand = opened(3, TROUBLE_PLUGIN);
    start_text(stand, 2, 5, "pid");
    cr_assert(stand_await(stand, 1));
    cr_assert(strstr((char *)stand->notes[0].data, " 3 1"));
    stand_close(&stand);
}

Test(plugin, keeps_its_stdout_out_of_the_data)
{
    int fd = catch_stderr();
    struct stand *stand = opened(2, TROUBLE_PLUGIN);
    start_text(stand, 1, 5, "stdout hello");
    cr_assert(stand_await(stand, 1));
    start_text(stand, 1, 6, "mutter goodbye");
    cr_assert(stand_await(stand, 2));
    stand_close(&stand);
    const char *text = caught(fd);
    cr_assert(strstr(text, "[slot 2 seq 5] hello\n"), "%s", text);
    cr_assert(strstr(text, "goodbye"), "%s", text);
}

Test(plugin, calls_finish_once_when_it_closes)
{
    int fd = catch_stderr();
    struct stand *stand =
        stand_open_plugin(3, TROUBLE_PLUGIN, WORDS(TROUBLE_PLUGIN, "tell"));
    stand_run(stand, "x", 1);
    stand_close(&stand);
    cr_assert_eq(occurrences(caught(fd), "trouble: finished"), 1);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

static void refused(const char *plugin, const char *const *words, int status,
                    const char *part)
{
    struct stand *stand = stand_open_plugin(1, plugin, words);
    cr_assert_eq(stand->status, status, "%d %s", stand->status, stand->error);
    cr_assert(strstr(stand->error, part), "%s", stand->error);
    cr_assert_null(stand->program);
    stand_close(&stand);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

Test(plugin, is_refused_with_a_sentence_when_it_cannot_be_loaded_or_prepared)
{
    refused("/no/such/plugin.so", WORDS("x"), 127, "No such file");
    refused("/etc/passwd", WORDS("x"), 126, "/etc/passwd");
    refused("/lib/x86_64-linux-gnu/libm.so.6", WORDS("x"), 126, "exports no");
    refused(TROUBLE_PLUGIN, WORDS("x", "fail", "/dict"), 126, "no dictionary at /dict");
    refused(TROUBLE_PLUGIN, WORDS("x", "full"), 126, "fff");
    refused(TROUBLE_PLUGIN, WORDS("x", "crash"), 126, "signal 11");
    refused(TROUBLE_PLUGIN, WORDS("x", "exit"), 126, "exit (7)");
}

/* A worker in a process of its own is killed when the plugin has said something; then
 * everything that inherited a pipe from it has to end. */
static void kill_worker(const char *word, const char *chunk)
{
    int ends[2], said = catch_stderr();
    cr_assert_eq(pipe(ends), 0);
    pid_t worker = fork();
    if (worker == 0) {
        struct stand *stand = stand_open_plugin(2, TROUBLE_PLUGIN, WORDS("x", word));
        start_text(stand, 0, 0, "pid");
        start_text(stand, 1, 1, chunk);
        stand_await(stand, 2);
        _exit(0);
    }
    close(ends[1]);
    char byte;
    cr_assert_eq(read(said, &byte, 1), 1);
    kill(worker, SIGKILL);
    struct pollfd polled = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&polled, 1, 20000), 1);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    waitpid(worker, NULL, 0);
}

Test(plugin, ends_when_the_worker_is_killed_during_a_prepare_that_hangs)
{
    kill_worker("hang", "");
}

Test(plugin, ends_with_all_its_slots_and_their_children_when_the_worker_is_killed)
{
    kill_worker("quiet", "child");
}

static pid_t find_zygote(void)
{
    FILE *file = popen("for k in $(pgrep -P $PPID fanfold-keeper); do pgrep -P $k "
                       "fanfold-zygote; done",
                       "r");
    int pid = 0;
    cr_assert_eq(fscanf(file, "%d", &pid), 1);
    pclose(file);
    return pid;
}

Test(plugin, says_that_it_is_broken_when_the_zygote_is_killed)
{
    struct stand *stand = opened(2, ECHO_PLUGIN);
    kill(find_zygote(), SIGKILL);
    cr_assert(stand_await_broken(stand));
    stand_close(&stand);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

static char *run_line(const char *line, size_t *ret_size)
{
    FILE *file = popen(line, "r");
    char *data = malloc(64 << 20);
    *ret_size = fread(data, 1, 64 << 20, file);
    pclose(file);
    return data;
}

/* The words of our own sources, one a line, with bytes of every kind between. */
#define SPLIT \
    "cat " SOURCES "/*.c | tr -cs 'A-Za-z_' '[\\n*]' | sed 's/^/\\x80\\xff\\x00/'"

static void set_descriptors(pid_t pid, rlim_t limit, struct rlimit *ret_had)
{
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, ret_had), 0);
    struct rlimit few = {.rlim_cur = limit, .rlim_max = ret_had->rlim_max};
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &few, NULL), 0);
}

/* A slot that crashes, while whoever it is lacks descriptors to replace it. */
static void crash_without_descriptors(pid_t pid, rlim_t limit)
{
    struct stand *stand = opened(2, TROUBLE_PLUGIN);
    struct rlimit had;
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_DONE);
    start_text(stand, 1, 1, "x");
    cr_assert(stand_await(stand, 2)); /* both slots live */
    pid = pid ? pid : find_zygote();
    set_descriptors(pid, limit, &had);
    start_text(stand, 0, 2, "segv");
    start_text(stand, 0, 3, "after");
    cr_assert(stand_await(stand, 4));
    cr_assert_eq(note_of(stand, 2)->kind, NOTE_FAILED);
    cr_assert_eq(note_of(stand, 3)->kind, NOTE_UNSTARTED);
    while (!stand->unready)
        cr_assert(stand_turn(stand, 60000));
    start_text(stand, 0, 4, "too soon");
    cr_assert(stand_await(stand, 5));
    cr_assert_eq(note_of(stand, 4)->kind, NOTE_UNSTARTED);
    start_text(stand, 1, 5, "the other slot goes on");
    cr_assert(stand_await(stand, 6));
    cr_assert_eq(note_of(stand, 5)->kind, NOTE_DONE);
    for (uint32_t told = stand->unready; stand->unready < told + 2;)
        cr_assert(stand_turn(stand, 60000)); /* tries again, and again */
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &had, NULL), 0);
    cr_assert(stand_await_ready(stand, stand->ready + 1));
    start_text(stand, 0, 6, "pid");
    cr_assert(stand_await(stand, 7));
    cr_assert_eq(note_of(stand, 6)->kind, NOTE_DONE);
    cr_assert_eq(stand->broken, 0);
    cr_assert_eq(program_prepared(stand->program), 1);
    stand_close(&stand);
}

Test(plugin,
     rests_and_tries_again_where_a_slot_cannot_be_replaced_for_lack_of_something)
{
    crash_without_descriptors(getpid(), 3);
}

Test(plugin, rests_and_tries_again_where_the_zygote_lacks_something)
{
    crash_without_descriptors(0, 4);
}

Test(plugin, stops_and_continues_its_slots_with_the_worker)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork();
    if (worker == 0) {
        setpgid(0, 0);
        struct stand *stand = opened(1, TROUBLE_PLUGIN);
        struct note *note = stand_run(stand, "pid", 3);
        cr_assert_gt(write(said[1], note->data, note->size), 0);
        cr_assert_eq(read(go[0], text, 1), 1);
        note = stand_run(stand, "still", 5);
        bool right = note && note->kind == NOTE_DONE;
        stand_close(&stand);
        _exit(!right);
    }
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    for (int round = 0; round < 20; round++)
        cr_assert(stand_suspend(worker, atoi(text), round % 2), "%d", round);
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}

Test(plugin, patterns_finds_what_grep_finds)
{
    char path[] = "/tmp/fanfold-test-XXXXXX", line[1024];
    close(mkstemp(path));
    snprintf(line, sizeof line,
             "cat " SOURCES
             "/*.c | tr -cs 'A-Za-z_' '[\\n*]' | sort -u | awk 'NR %% 7 == 3 "
             "&& length > 3' > %s",
             path);
    cr_assert_eq(system(line), 0);
    size_t size, wanted_size;
    char *text = run_line(SPLIT, &size);
    snprintf(line, sizeof line, SPLIT " | LC_ALL=C grep -a -F -f %s", path);
    char *wanted = run_line(line, &wanted_size);
    struct stand *stand =
        stand_open_plugin(1, PATTERNS_PLUGIN, WORDS(PATTERNS_PLUGIN, path));
    cr_assert_eq(stand->status, 0, "%s", stand->error);
    struct note *note = stand_run(stand, text, size);
    cr_assert(note && note->kind == NOTE_DONE);
    cr_assert_gt(wanted_size, 1000);
    cr_assert_lt(wanted_size, size / 2);
    cr_assert_eq(note->size, wanted_size);
    cr_assert_eq(memcmp(note->data, wanted, wanted_size), 0);
    stand_close(&stand);
    unlink(path);
    free(text);
    free(wanted);
}

Test(plugin, patterns_matches_nothing_without_patterns_and_all_with_an_empty_one)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    struct stand *stand = stand_open_plugin(1, PATTERNS_PLUGIN, WORDS("x", path));
    cr_assert_eq(stand_run(stand, "a\nb\n", 4)->size, 0);
    stand_close(&stand);
    cr_assert_eq(write(fd, "zzz\n\n", 5), 5);
    stand = stand_open_plugin(1, PATTERNS_PLUGIN, WORDS("x", path));
    cr_assert_eq(stand_run(stand, "a\n\nb", 4)->size, 5);
    stand_close(&stand);
    close(fd);
    unlink(path);
}
