/* SPDX-License-Identifier: MIT */
/* worker/program.h in the modes lines and frames, with real programs. */
#include "common/clock.h"
#include "stand.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text)  WORDS("sh", "-c", text)
#define PYTHON(text) WORDS("python3", "-u", "-c", text)

static struct stand *opened(enum program_mode mode, uint32_t slots, int64_t silence_us,
                            const char *const *words)
{
    struct stand *stand = stand_open_lasting(mode, slots, silence_us, words);
    cr_assert_eq(stand->status, 0, "%s", stand->error);
    return stand;
}

static struct stand *lines(const char *const *words)
{
    return opened(PROGRAM_LINES, 1, 0, words);
}

static struct stand *frames(const char *how)
{
    return opened(PROGRAM_FRAMES, 1, 0, WORDS(FRAMER, how));
}

static struct note *run(struct stand *stand, const char *text)
{
    struct note *note = stand_run(stand, text, strlen(text));
    cr_assert(note, "no answer to '%s'", text);
    return note;
}

static void expect_done(const struct note *note, const char *text)
{
    cr_assert_eq(note->kind, NOTE_DONE, "%s", note->text);
    cr_assert_eq(note->size, strlen(text), "%zu", note->size);
    cr_assert_str_eq((char *)note->data, text);
}

static void expect_failed(const struct note *note, enum failure how, const char *words)
{
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->how, how, "%d: %s", (int)note->how, note->text);
    cr_assert(strstr(note->text, words), "'%s' is not in '%s'", words, note->text);
}

/* Starts them all at once, in one slot. */
static void start_all(struct stand *stand, const char *const *texts)
{
    for (uint32_t i = 0; texts[i]; i++)
        stand_start(stand, 0, i, texts[i], strlen(texts[i]));
}

static char *many_lines(size_t count)
{
    char *text = malloc(count * 8 + 1);
    for (size_t i = 0; i < count; i++)
        sprintf(text + i * 8, "%07zu\n", i % 10000000);
    return text;
}

/* ---- lines: what goes well ---- */

Test(lasting, answers_chunk_after_chunk_from_one_process)
{
    struct stand *stand =
        lines(SHELL("while read -r line; do echo \"$$ $line\"; done"));
    char first[64];
    struct note *note = run(stand, "a\nb\n");
    cr_assert_eq(note->kind, NOTE_DONE, "%s", note->text);
    int pid = atoi((char *)note->data);
    snprintf(first, sizeof first, "%d a\n%d b\n", pid, pid);
    expect_done(note, first);
    snprintf(first, sizeof first, "%d c\n", pid);
    expect_done(run(stand, "c\n"), first);
    stand_close(&stand);
}

Test(lasting, gives_a_last_line_an_end_and_takes_it_off_again)
{
    struct stand *stand = lines(WORDS("sed", "-u", "s/$/!/"));
    expect_done(run(stand, "a\nb"), "a!\nb!");
    expect_done(run(stand, "a\nb\n"), "a!\nb!\n");
    expect_done(run(stand, "\n"), "!\n");
    stand_close(&stand);
}

Test(lasting, answers_a_chunk_without_lines_by_itself)
{
    struct stand *stand = lines(WORDS("cat"));
    expect_done(run(stand, ""), "");
    expect_done(run(stand, "a\n"), "a\n");
    stand_close(&stand);
}

Test(lasting, gives_the_header_first_and_counts_its_lines)
{
    struct stand *stand = lines(WORDS("cat"));
    struct program_task task = {.seq = 0,
                                .attempt = 1,
                                .records = 1,
                                .header = slice_of_text("h1\nh2\n"),
                                .input = slice_of_text("a\n")};
    program_start(stand->program, 0, &task);
    cr_assert(stand_await(stand, 1));
    expect_done(&stand->notes[0], "h1\nh2\na\n");
    stand_close(&stand);
    stand = frames("");
    program_start(stand->program, 0, &task);
    cr_assert(stand_await(stand, 1));
    expect_done(&stand->notes[0], "H1\nH2\nA\n");
    stand_close(&stand);
}

Test(lasting, divides_what_was_given_at_once)
{
    struct stand *stand = lines(WORDS("cat"));
    char texts[200][16];
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(texts[i], sizeof *texts, "%s%u%s", i % 3 ? "" : "x\n", i,
                 i % 5 ? "\n" : "");
        stand_start(stand, 0, i, texts[i], strlen(texts[i]));
    }
    cr_assert(stand_await(stand, 200));
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert_eq(stand->notes[i].seq, i);
        expect_done(&stand->notes[i], texts[i]);
    }
    stand_close(&stand);
}

/* Neither side may wait for the other to read. */
Test(lasting, reads_while_it_writes)
{
    char *text = many_lines(1 << 19);
    struct stand *stand = lines(WORDS("cat"));
    for (int i = 0; i < 3; i++)
        expect_done(run(stand, text), text);
    stand_close(&stand);
    stand =
        lines(PYTHON("import sys\nfor l in sys.stdin.buffer: "
                     "sys.stdout.buffer.write(l[:-1] + b' twice as long' + l[-1:])"));
    struct note *note = run(stand, text);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_gt(note->size, 2 * strlen(text));
    stand_close(&stand);
    stand = frames("");
    for (int i = 0; i < 3; i++)
        expect_done(run(stand, text), text);
    stand_close(&stand);
    free(text);
}

Test(lasting, knows_its_slot_and_no_chunk)
{
    struct stand *stand =
        opened(PROGRAM_LINES, 2, 0,
               SHELL("while read -r _; do echo $FANFOLD_SLOT ${FANFOLD_SEQ-none} "
                     "${FANFOLD_ATTEMPT-none} ${FANFOLD_FRAMES-none} $FANFOLD_WORKER; "
                     "done"));
    stand_start(stand, 1, 9, "x\n", 2);
    cr_assert(stand_await(stand, 1));
    expect_done(&stand->notes[0], "2 none none none 0123456789abcdef\n");
    stand_close(&stand);
}

/* ---- lines: what goes wrong ---- */

Test(lasting, fails_a_chunk_that_is_answered_with_too_few_lines)
{
    struct stand *stand =
        opened(PROGRAM_LINES, 1, 300000, WORDS("sed", "-u", "/drop/d"));
    expect_done(run(stand, "a\n"), "a\n");
    struct note *note = run(stand, "a\ndrop\nb\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 2 of 3 lines");
    expect_failed(note, FAILURE_PROTOCOL, "wrote nothing for 0.3 s (--silence)");
    expect_failed(note, FAILURE_PROTOCOL, "python -u");
    expect_done(run(stand, "c\n"), "c\n");
    stand_close(&stand);
}

Test(lasting, fails_a_chunk_that_is_answered_with_too_many_lines)
{
    static const char *const programs[] = {
        "for l in sys.stdin: print(l, end=''); print(l, end='')",
        "for l in sys.stdin: print(l + l, end='')",
        "for l in sys.stdin: print(l)",
        "while True: print(1)",
    };
    for (size_t i = 0; i < 4; i++) {
        char script[128];
        snprintf(script, sizeof script, "import sys\n%s", programs[i]);
        struct stand *stand = lines(PYTHON(script));
        for (int round = 0; round < 2; round++)
            expect_failed(run(stand, "a\nb\n"), FAILURE_PROTOCOL, "more lines");
        stand_close(&stand);
    }
}

Test(lasting, fails_the_next_chunk_for_lines_that_come_between_two)
{
    struct stand *stand =
        lines(SHELL("while read -r l; do echo $l; (sleep 0.2; echo late) & done"));
    expect_done(run(stand, "a\n"), "a\n");
    cr_assert(stand_await_ready(stand, 1)); /* the process was replaced */
    expect_failed(run(stand, "b\n"), FAILURE_PROTOCOL, "not asked for");
    expect_done(run(stand, "c\n"), "c\n");
    stand_close(&stand);
}

Test(lasting, fails_what_a_program_was_at_when_it_ended)
{
    struct stand *stand = lines(WORDS("sed", "-u", "/quit/Q3"));
    expect_done(run(stand, "a\n"), "a\n");
    struct note *note = run(stand, "b\nquit\nc\n");
    expect_failed(note, FAILURE_EXIT, "answered 1 of 3 lines, then: exit status 3");
    cr_assert_eq(note->code, 3);
    expect_done(run(stand, "d\n"), "d\n");
    stand_close(&stand);
}

Test(lasting, says_how_a_program_ended_and_what_it_said_last)
{
    struct stand *stand =
        lines(SHELL("read -r l; echo $l; echo ouch >&2; kill -SEGV $$"));
    struct note *note = run(stand, "a\nb\n");
    expect_failed(note, FAILURE_SIGNAL,
                  "answered 1 of 2 lines, then: ended by signal 11");
    expect_failed(note, FAILURE_SIGNAL, "; ouch\n");
    cr_assert_eq(note->code, SIGSEGV);
    stand_close(&stand);
    stand = lines(WORDS("head", "-n1"));
    expect_failed(run(stand, "a\nb\n"), FAILURE_PROTOCOL, "then: exit status 0");
    stand_close(&stand);
}

Test(lasting, takes_the_answer_of_a_program_that_ends_after_it)
{
    struct stand *stand = lines(WORDS("head", "-n2"));
    for (int done = 0; done < 20;) {
        struct note *note = run(stand, "a\nb\n");
        if (note->kind == NOTE_UNSTARTED) /* it had gone, and nobody knew yet */
            continue;
        expect_done(note, "a\nb\n");
        done++;
    }
    cr_assert_eq(stand->broken, 0);
    stand_close(&stand);
}

Test(lasting, finds_the_one_of_many_that_makes_trouble)
{
    struct stand *stand = lines(WORDS("sed", "-u", "/bad/Q9"));
    static const char *const texts[] = {"a\n", "b\n", "bad\n", "c\n", NULL};
    uint32_t told = 0, failed = 0;
    start_all(stand, texts);
    cr_assert(stand_await(stand, 4));
    for (uint32_t i = 0; i < 4; i++) {
        struct note *note = &stand->notes[told++];
        cr_assert_eq(note->kind, NOTE_UNSTARTED);
        cr_assert_eq(note->seq, i);
    }
    start_all(stand, texts);
    while (failed < 1) {
        cr_assert(stand_await(stand, told + 1));
        struct note *note = &stand->notes[told++];
        if (note->kind == NOTE_DONE)
            cr_assert_lt(note->seq, 2);
        failed += note->kind == NOTE_FAILED && note->seq == 2 && note->code == 9;
    }
    stand_close(&stand);
}

Test(lasting, gives_up_on_a_program_that_never_takes_a_chunk)
{
    static const enum program_mode modes[] = {PROGRAM_LINES, PROGRAM_FRAMES};
    for (size_t i = 0; i < 2; i++) {
        struct stand *stand =
            opened(modes[i], 1, 0, SHELL("echo no license >&2; exit 6"));
        stand_start(stand, 0, 0, "x\n", 2);
        program_flush(stand->program);
        cr_assert(stand_await_broken(stand));
        cr_assert_eq(stand->broken, 4);
        cr_assert(strstr(stand->error, "again and again"), "%s", stand->error);
        cr_assert(strstr(stand->error, "exit status 6"), "%s", stand->error);
        cr_assert(strstr(stand->error, "no license"), "%s", stand->error);
        cr_assert_eq(stand->failed, 0);
        stand_close(&stand);
    }
}

Test(lasting, gives_up_on_a_program_that_never_waits_for_a_chunk)
{
    struct stand *stand = lines(WORDS("yes"));
    cr_assert(stand_await_broken(stand));
    cr_assert(strstr(stand->error, "again and again the program wrote lines"), "%s",
              stand->error);
    stand_close(&stand);
}

/* ---- limits ---- */

static struct note *run_limited(struct stand *stand, const char *text,
                                uint32_t limit_ms)
{
    stand_start_limited(stand, 0, stand->count, text, limit_ms);
    cr_assert(stand_await(stand, stand->count + 1));
    return &stand->notes[stand->count - 1];
}

Test(lasting, ends_a_program_that_is_at_a_chunk_for_too_long)
{
    struct stand *stand =
        lines(SHELL("trap '' TERM; while read -r l; do [ $l != slow ] || sleep 1000; "
                    "echo $l; done"));
    expect_done(run_limited(stand, "a\n", 60000), "a\n");
    expect_failed(run_limited(stand, "slow\n", 200), FAILURE_TIMEOUT,
                  "longer than 0.2 s");
    expect_done(run_limited(stand, "b\n", 60000), "b\n");
    stand_close(&stand);
    stand = frames("");
    expect_failed(run_limited(stand, "!hang", 200), FAILURE_TIMEOUT,
                  "longer than 0.2 s");
    expect_done(run_limited(stand, "b\n", 60000), "B\n");
    stand_close(&stand);
}

/* In a process that leads a group, as one that a shell starts: reports what its program
 * says first, and whether the program's answer came in time. */
static pid_t fork_job(int said, int go, uint32_t limit_ms)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char script[128];
    setpgid(0, 0);
    snprintf(script, sizeof script,
             "while read -r l; do echo $$ >/dev/fd/%d; read -r on </dev/fd/%d; "
             "echo $on; done",
             said, go);
    struct stand *stand = lines(SHELL(script));
    stand_start_limited(stand, 0, 0, "x\n", limit_ms);
    bool right = stand_await(stand, 1) && stand->notes[0].kind == NOTE_DONE;
    stand_close(&stand);
    _exit(!right);
}

Test(lasting, does_not_count_the_time_for_which_it_was_stopped)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork_job(said[1], go[0], 2000);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    kill(-worker, SIGTSTP);
    cr_assert_eq(waitpid(worker, &status, WUNTRACED), worker);
    cr_assert(WIFSTOPPED(status));
    poll(NULL, 0, 2500); /* its time would be over */
    kill(-worker, SIGCONT);
    poll(NULL, 0, 500); /* it would say so */
    cr_assert_eq(write(go[1], "on\n", 3), 3);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}

Test(lasting, does_not_count_preparation_towards_a_time_limit)
{
    struct stand *stand = lines(SHELL("sleep 1; exec cat"));
    expect_done(run_limited(stand, "a\n", 300), "a\n");
    stand_close(&stand);
}

Test(lasting, refuses_a_result_above_the_limit)
{
    char *text = many_lines(20000);
    struct stand *stand = lines(WORDS("cat"));
    program_set_max_result(stand->program, 100000);
    expect_failed(run(stand, text), FAILURE_TOO_LARGE, "larger than 100000 bytes");
    expect_done(run(stand, "a\n"), "a\n");
    stand_close(&stand);
    stand = lines(PYTHON("while True: print('x' * 10000, end='')"));
    program_set_max_result(stand->program, 100000);
    expect_failed(run(stand, "a\n"), FAILURE_TOO_LARGE, "larger than 100000 bytes");
    stand_close(&stand);
    stand = frames("");
    program_set_max_result(stand->program, 100000);
    expect_failed(run(stand, text), FAILURE_TOO_LARGE, "at most 100000");
    expect_done(run(stand, "a\n"), "A\n");
    stand_close(&stand);
    free(text);
}

/* ---- kill ---- */

Test(lasting, says_nothing_of_a_task_that_was_killed_and_brings_the_others_back)
{
    struct stand *stand = frames("");
    static const char *const texts[] = {"!hang", "a", "b", NULL};
    start_all(stand, texts);
    program_flush(stand->program);
    program_kill(stand->program, 0, 0, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 2);
    cr_assert_eq(stand->unstarted, 2);
    expect_done(run(stand, "c"), "C");
    stand_close(&stand);
}

Test(lasting, needs_no_new_process_to_forget_a_task_that_it_was_not_given)
{
    struct stand *stand = lines(SHELL("while read -r l; do echo $$; done"));
    struct note *note = run(stand, "a\n");
    int pid = atoi((char *)note->data);
    stand_start(stand, 0, 7, "b\n", 2);
    program_kill(stand->program, 0, 7, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 1);
    note = run(stand, "c\n");
    cr_assert_eq(atoi((char *)note->data), pid);
    stand_close(&stand);
}

/* ---- frames ---- */

Test(lasting, speaks_frames_with_a_program_that_is_ready_or_does_not_say_so)
{
    static const char *const ways[] = {"", "ready"};
    for (size_t i = 0; i < 2; i++) {
        struct stand *stand = frames(ways[i]);
        expect_done(run(stand, "abc\n"), "ABC\n");
        expect_done(run(stand, ""), "");
        for (uint32_t seq = 2; seq < 202; seq++)
            stand_start(stand, 0, seq, "x\n", 2);
        cr_assert(stand_await(stand, 202));
        for (uint32_t seq = 2; seq < 202; seq++) {
            cr_assert_eq(stand->notes[seq].seq, seq);
            expect_done(&stand->notes[seq], "X\n");
        }
        stand_close(&stand);
    }
}

Test(lasting, tells_what_a_program_reports_and_lets_it_live)
{
    struct stand *stand = frames("ready");
    struct note *note = run(stand, "!error no such gene");
    expect_failed(note, FAILURE_REPORTED, " no such gene");
    cr_assert_eq(note->code, 1);
    expect_failed(run(stand, "!error"), FAILURE_REPORTED, "did not say why");
    expect_done(run(stand, "a"), "A");
    cr_assert_eq(stand->ready, 0); /* it was not replaced */
    stand_close(&stand);
}

Test(lasting, fails_a_chunk_with_whose_answer_a_program_breaks_the_rules)
{
    static const struct {
        const char *chunk, *words;
        enum failure how;
    } cases[] = {
        {"!print", "wrote \"hello\\n", FAILURE_PROTOCOL},
        {"!half", "did not finish its response, then: ended by signal 6",
         FAILURE_SIGNAL},
        {"!exit", "exit status 7; last words", FAILURE_EXIT},
        {"!long", "9223372036854775808 bytes", FAILURE_TOO_LARGE},
        {"!close", "closed its standard output", FAILURE_PROTOCOL},
        {"!mute",
         "answered request 0 where 11 was asked: a response carries its "
         "request's number back",
         FAILURE_PROTOCOL},
    };
    struct stand *stand = frames("ready");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program_set_max_result(stand->program, 1 << 20);
        expect_failed(run(stand, cases[i].chunk), cases[i].how, cases[i].words);
        expect_done(run(stand, "a"), "A");
    }
    stand_close(&stand);
}

Test(lasting, fails_the_next_chunk_for_a_stray_print_between_two)
{
    static const char *const words[] = {"!after", "!twice"};
    for (size_t i = 0; i < 2; i++) {
        struct stand *stand = frames("");
        cr_assert_eq(run(stand, words[i])->kind, NOTE_DONE);
        cr_assert(stand_await_ready(stand, 1));
        cr_assert_eq(run(stand, "a")->how, FAILURE_PROTOCOL);
        expect_done(run(stand, "b"), "B");
        stand_close(&stand);
    }
}

Test(lasting, says_that_a_silence_is_for_good_where_nothing_was_ever_written)
{
    struct stand *stand =
        opened(PROGRAM_LINES, 1, 300000, SHELL("read -r line; echo $line; sleep 100"));
    struct note *note = run(stand, "a\nb\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 1 of 2 lines");
    cr_assert_eq(note->code, 0);
    stand_close(&stand);
    stand = opened(PROGRAM_LINES, 1, 300000, WORDS("sleep", "100"));
    note = run(stand, "a\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 0 of 1 line");
    cr_assert_eq(note->code, FAILURE_PROTOCOL_MUTE);
    stand_close(&stand);
}

Test(lasting, shifts_no_answer_for_a_program_that_answers_twice)
{
    struct stand *stand = frames("ready");
    start_all(stand, WORDS("!twice", "a", "b"));
    cr_assert(stand_await(stand, 3));
    expect_done(&stand->notes[0], "!twice");
    expect_failed(&stand->notes[1], FAILURE_PROTOCOL,
                  "answered request 1 where 2 was asked: each request is answered "
                  "once");
    cr_assert_eq(stand->notes[2].kind, NOTE_UNSTARTED);
    expect_done(run(stand, "a"), "A");
    stand_close(&stand);
}

Test(lasting, swaps_no_answers_of_a_program_that_answers_out_of_order)
{
    struct stand *stand = frames("ready");
    start_all(stand, WORDS("!late", "a", "b"));
    cr_assert(stand_await(stand, 3));
    expect_failed(&stand->notes[0], FAILURE_PROTOCOL,
                  "answered request 2 where 1 was asked: requests are answered in "
                  "their order");
    cr_assert_eq(stand->notes[1].kind, NOTE_UNSTARTED);
    cr_assert_eq(stand->notes[2].kind, NOTE_UNSTARTED);
    expect_done(run(stand, "a"), "A");
    stand_close(&stand);
}

Test(lasting, charges_nothing_to_a_chunk_that_was_not_taken)
{
    struct stand *stand = frames("leave");
    stand_start(stand, 0, 0, "a", 1);
    program_flush(stand->program);
    cr_assert(stand_await_broken(stand));
    cr_assert_eq(stand->failed, 0);
    cr_assert_eq(stand->unstarted, 1);
    cr_assert(strstr(stand->error, "exit status 5"), "%s", stand->error);
    stand_close(&stand);
}

Test(lasting, writes_all_of_a_request_whose_response_comes_before)
{
    char *text = many_lines(1 << 17);
    struct stand *stand = frames("eager");
    for (int i = 0; i < 3; i++)
        expect_done(run(stand, text), "early");
    stand_close(&stand);
    free(text);
}

/* ---- the end ---- */

Test(lasting, lets_programs_end_in_their_own_way)
{
    int ends[2];
    char said[8] = "";
    cr_assert_eq(pipe(ends), 0);
    char script[128];
    snprintf(script, sizeof script, "cat; echo bye >/dev/fd/%d", ends[1]);
    struct stand *stand = lines(SHELL(script));
    expect_done(run(stand, "a\n"), "a\n");
    stand_close(&stand);
    close(ends[1]);
    cr_assert_eq(read(ends[0], said, sizeof said), 4);
    cr_assert_str_eq(said, "bye\n");
}

Test(lasting, leaves_nothing_of_a_program_that_does_not_end)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    struct stand *stand =
        opened(PROGRAM_LINES, 2, 0, SHELL("trap '' TERM; sleep 1000 & sleep 1000"));
    int64_t from_us = clock_now_us();
    stand_close(&stand);
    cr_assert_geq(clock_now_us() - from_us, 4 * SECOND_US);
    close(ends[1]);
    struct pollfd polled = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&polled, 1, 20000), 1);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
}
