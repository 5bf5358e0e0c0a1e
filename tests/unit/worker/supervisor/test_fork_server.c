/* SPDX-License-Identifier: MIT */
/* A program that prepares once and forks its slots, below a real supervisor. */
#include "worker/supervisor/fork_protocol.h"
#include "worker/supervisor/helpers.h"
#include "worker/supervisor/spawn_link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 3, WAIT_MS = 60000 };

static struct helpers helpers;
static char *arguments[] = {(char *)(uintptr_t)FORKER, NULL, NULL};
static char error[4096];

/* Starts FORKER with this first argument; returns the status of its preparation. */
static int begin(const char *cause)
{
    struct program_config config = {
        .mode = PROGRAM_FRAMES, .argv = arguments, .slots = SLOTS};
    int errors[SLOTS];
    arguments[1] = (char *)(uintptr_t)cause;
    cr_assert_eq(helpers_init(&helpers, &config, errors), 0);
    cr_assert_eq(helpers_fork(&helpers, FORKER, errors, SLOTS), 0);
    return helpers_await(&helpers, error, sizeof error);
}

static bool comes(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, WAIT_MS) == 1;
}

struct slot {
    int input, output;
};

static struct slot start(uint32_t number)
{
    int input[2], output[2];
    cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
    int theirs[] = {input[0], output[1]};
    struct request request = {.kind = REQUEST_START, .slot = number};
    cr_assert_eq(spawn_link_request(helpers_starter(&helpers), &request, theirs, 2), 0);
    close(input[0]);
    close(output[1]);
    return (struct slot){input[1], output[0]};
}

static void expect_bytes(int fd, const char *bytes)
{
    char got[64] = "";
    size_t used = 0;
    while (used < strlen(bytes) && comes(fd)) {
        ssize_t count = read(fd, got + used, sizeof got - 1 - used);
        cr_assert_gt(count, 0, "the end came after \"%s\"", got);
        used += (size_t)count;
    }
    cr_assert_str_eq(got, bytes);
}

static struct report take(int link)
{
    struct report report;
    cr_assert(comes(link));
    cr_assert_eq(spawn_link_take_report(link, &report, 0), 1);
    return report;
}

static void expect_give_up(const char *cause, const char *words)
{
    cr_assert_eq(begin(cause), 0);
    start(1);
    struct report report = take(helpers_starter(&helpers));
    cr_assert_eq(report.kind, REPORT_REFUSED);
    cr_assert(strstr(report.text, words), "%s", report.text);
    do
        report = take(helpers_starter(&helpers));
    while (report.kind != REPORT_ENDED);
    cr_assert_eq(report.slot, SLOTS, "the program is killed");
    helpers_end(&helpers, false);
}

Test(fork_server, forks_slots_with_streams_of_their_own)
{
    cr_assert_eq(begin("good"), 0, "%s", error);
    cr_assert_eq(helpers.prepared, 1);
    struct slot slots[SLOTS];
    for (uint32_t number = 0; number < SLOTS; number++)
        slots[number] = start(number);
    for (uint32_t number = 0; number < SLOTS; number++) {
        char digit[] = {(char)('1' + number), '\0'};
        expect_bytes(slots[number].output, digit);
        cr_assert_eq(write(slots[number].input, "hello", 5), 5);
        expect_bytes(slots[number].output, "hello");
    }
    close(slots[1].input);
    struct report report = take(helpers_starter(&helpers));
    cr_assert_eq(report.kind, REPORT_ENDED);
    cr_assert_eq(report.slot, 1);
    cr_assert_eq(report.value, 0);
    helpers_end(&helpers, true);
}

Test(fork_server, kills_a_slot_and_starts_it_again)
{
    cr_assert_eq(begin("good"), 0, "%s", error);
    int link = helpers_starter(&helpers);
    for (int i = 0; i < 5; i++) {
        struct slot slot = start(2);
        expect_bytes(slot.output, "3");
        spawn_link_request(link, &(struct request){.kind = REQUEST_KILL, .slot = 2},
                           NULL, 0);
        struct report report = take(link);
        cr_assert_eq(report.slot, 2);
        cr_assert(WIFSIGNALED(report.value) && WTERMSIG(report.value) == SIGKILL);
        cr_assert(comes(slot.output));
        close(slot.input);
        close(slot.output);
    }
    helpers_end(&helpers, true);
}

Test(fork_server, lets_the_program_end_in_its_own_way)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    cr_assert_eq(begin("leaves a word"), 0);
    helpers_end(&helpers, true);
    expect_bytes(ends[0], "farewell\n");
}

Test(fork_server, passes_on_output_from_before_the_program_is_prepared)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    cr_assert_eq(begin("prints"), 0);
    expect_bytes(ends[0], "\xf4no frame\n");
    cr_assert_eq(helpers.prepared, 1);
    helpers_end(&helpers, true);
}

Test(fork_server, lets_a_program_write_to_a_stderr_that_is_missing)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC); /* as standard_fds_fill does */
    cr_assert_geq(dup2(null, STDERR_FILENO), 0);
    close(null);
    cr_assert_eq(begin("speaks"), 0, "%s", error);
    helpers_end(&helpers, true);
}

Test(fork_server, lets_a_program_write_to_a_stderr_whose_reader_is_gone)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[0]);
    close(ends[1]);
    cr_assert_eq(begin("speaks"), 0, "%s", error);
    helpers_end(&helpers, true);
}

static void expect_not_forking(const char *cause)
{
    cr_assert_eq(begin(cause), 0, "%s", error);
    cr_assert_eq(helpers.prepared, 0);
    cr_assert_eq(helpers_starter(&helpers), helpers.spawn_link[0]);
    close(start(0).input);
    struct report report = take(helpers.spawn_link[0]);
    cr_assert_eq(report.kind, REPORT_ENDED);
    cr_assert_eq(report.slot, 0);
    helpers_end(&helpers, true);
}

Test(fork_server, leaves_a_program_that_does_not_fork_to_its_slots)
{
    expect_not_forking("plain");
}

Test(fork_server, waits_for_no_end_of_a_program_that_answers_in_frames)
{
    cr_assert_eq(begin("frames"), 0, "%s", error);
    cr_assert_eq(helpers.prepared, 0);
    helpers_end(&helpers, true);
}

Test(fork_server, refuses_a_program_that_ends_while_it_prepares)
{
    cr_assert_eq(begin("fails"), 126);
    cr_assert(strstr(error, "ended with status 3 while it prepared"), "%s", error);
    helpers_end(&helpers, false);
}

Test(fork_server, refuses_a_program_that_is_killed_while_it_prepares)
{
    cr_assert_eq(begin("crashes"), 126);
    cr_assert(strstr(error, "killed by signal 11"), "%s", error);
    helpers_end(&helpers, false);
}

Test(fork_server, refuses_a_program_of_another_version)
{
    cr_assert_eq(begin("newer"), 126);
    cr_assert(strstr(error, "said \"ready 2\""), "%s", error);
    helpers_end(&helpers, false);
}

Test(fork_server, believes_no_pid_but_that_of_a_child)
{
    expect_give_up("stranger", "named process 1 as slot 2");
}

Test(fork_server, believes_no_program_that_it_is_its_own_slot)
{
    expect_give_up("lies", "as slot 2");
}

Test(fork_server, gives_a_program_up_that_babbles)
{
    expect_give_up("babbles", "said \"slot 2 here\\n\"");
}

Test(fork_server, gives_a_program_up_that_sends_the_wrong_word)
{
    expect_give_up("repeats", "said \"ready 1\" on FANFOLD_FORK instead of slot 2");
}

Test(fork_server, gives_a_program_up_that_closes_its_link_and_lives_on)
{
    expect_give_up("hangs up", "closed FANFOLD_FORK");
}

Test(fork_server, gives_a_program_up_that_does_not_answer, .timeout = 120)
{
    expect_give_up("mute", "did not fork slot 2 within 30 s");
}

Test(fork_server, tells_that_a_slot_could_not_be_forked)
{
    cr_assert_eq(begin("cannot"), 0);
    start(0);
    struct report report = take(helpers_starter(&helpers));
    cr_assert_eq(report.kind, REPORT_UNSTARTABLE);
    cr_assert_eq(report.value, EAGAIN);
    cr_assert_str_eq(report.text, "it does not fork the slot, and says \"no room\"");
    helpers_end(&helpers, true);
}

Test(fork_server, tells_that_the_program_died)
{
    cr_assert_eq(begin("dies"), 0);
    start(0);
    struct report first = take(helpers_starter(&helpers));
    struct report second = take(helpers_starter(&helpers));
    cr_assert_eq(first.kind, REPORT_UNSTARTABLE);
    cr_assert_str_eq(first.text, "");
    cr_assert_eq(second.kind, REPORT_ENDED);
    cr_assert_eq(second.slot, SLOTS);
    helpers_end(&helpers, false);
}

Test(fork_protocol, takes_answers_apart)
{
    static const struct {
        const char *text;
        enum fork_word word;
    } cases[] = {
        {"ready 1", FORK_READY},       {"ready 10", FORK_NONSENSE},
        {"ready 1\n", FORK_NONSENSE},  {"slot 4294967295 17", FORK_SLOT},
        {"slot 1 error ", FORK_ERROR}, {"slot 4294967296 17", FORK_NONSENSE},
        {"slot 1 0", FORK_NONSENSE},   {"slot 1 -5", FORK_NONSENSE},
        {"slot 1 17 ", FORK_NONSENSE}, {"slot 1 99999999999999999999", FORK_NONSENSE},
        {"slot  1 17", FORK_NONSENSE}, {"slot 1", FORK_NONSENSE},
        {"slot -1 17", FORK_NONSENSE}, {"slot", FORK_NONSENSE},
    };
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct fork_answer answer;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_gt(send(ends[0], cases[i].text, strlen(cases[i].text), 0), 0);
        fork_protocol_take(ends[1], 0, &answer);
        cr_expect_eq(answer.word, cases[i].word, "%s", cases[i].text);
    }
    fork_protocol_take(ends[1], 0, &answer);
    cr_expect_eq(answer.word, FORK_NOTHING);
    close(ends[0]);
    fork_protocol_take(ends[1], 0, &answer);
    cr_expect_eq(answer.word, FORK_GONE);
}
