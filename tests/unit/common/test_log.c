/* SPDX-License-Identifier: MIT */
/*
 * Lines on stderr. A datagram socket in its place shows each write(2) as one message; a
 * pseudo-terminal shows the screen that a person would see.
 */
#include "common/clock.h"
#include "common/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void become_stderr(int fd)
{
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

/* Its other end. */
static int socket_as_stderr(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    become_stderr(ends[1]);
    return ends[0];
}

static int terminal_as_stderr(unsigned short columns)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    cr_assert_geq(master, 0);
    cr_assert_eq(grantpt(master), 0);
    cr_assert_eq(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    cr_assert_geq(slave, 0);
    struct termios mode;
    cr_assert_eq(tcgetattr(slave, &mode), 0);
    mode.c_oflag &= (tcflag_t)~OPOST;
    cr_assert_eq(tcsetattr(slave, TCSANOW, &mode), 0);
    struct winsize window = {.ws_col = columns, .ws_row = 24};
    cr_assert_eq(ioctl(slave, TIOCSWINSZ, &window), 0);
    become_stderr(slave);
    return master;
}

/* What one read gives; "" where there is nothing. Static. */
static const char *read_text(int fd)
{
    static char text[65536];
    ssize_t size = read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

/* A terminal passes on what was written in its own time and pieces. */
static void expect_terminal(int master, const char *expected)
{
    char text[1024];
    size_t size = 0;
    struct pollfd terminal = {.fd = master, .events = POLLIN};
    while (size < strlen(expected) && poll(&terminal, 1, 60000) > 0) {
        ssize_t got = read(master, text + size, sizeof text - 1 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    text[size] = '\0';
    cr_assert_str_eq(text, expected);
}

Test(log, says_a_line_with_the_program_in_one_write)
{
    int end = socket_as_stderr();
    log_init("fanfold-sink", LOG_LEVEL_WARN);
    say("cannot write %s: %s", "out.txt", "No space left on device");
    cr_assert_str_eq(read_text(end),
                     "fanfold-sink: cannot write out.txt: No space left on device\n");
    cr_assert_str_eq(read_text(end), "");
}

Test(log, writes_an_event_as_logfmt_in_one_write)
{
    int end = socket_as_stderr();
    log_init("fanfold-sink", LOG_LEVEL_WARN);
    log_event(LOG_LEVEL_WARN, "malformed", "peer=%d error=%s", 7, "TRAILING");
    cr_assert_str_eq(read_text(end),
                     "fanfold-sink: warn malformed peer=7 error=TRAILING\n");
    cr_assert_str_eq(read_text(end), "");
}

Test(log, drops_events_below_the_level)
{
    int end = socket_as_stderr();
    log_init("p", LOG_LEVEL_WARN);
    log_event(LOG_LEVEL_INFO, "joined", "worker=%d", 1);
    cr_assert_str_eq(read_text(end), "");
    log_set_level(LOG_LEVEL_TRACE);
    log_event(LOG_LEVEL_TRACE, "sent", "seq=%d", 1);
    cr_assert_str_eq(read_text(end), "p: trace sent seq=1\n");
    cr_assert_not(log_enabled((enum log_level)(LOG_LEVEL_TRACE + 1)));
}

Test(log, knows_levels_by_name)
{
    enum log_level level = LOG_LEVEL_ERROR;
    cr_assert(log_level_parse("debug", &level));
    cr_assert_eq(level, LOG_LEVEL_DEBUG);
    cr_assert_not(log_level_parse("Debug", &level));
    cr_assert_not(log_level_parse("", &level));
    cr_assert_eq(level, LOG_LEVEL_DEBUG);
}

Test(log, cuts_a_line_that_is_too_long_and_still_ends_it)
{
    int end = socket_as_stderr();
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    say("%s", text);
    const char *line = read_text(end);
    size_t size = strlen(line);
    cr_assert_gt(size, 8192u);
    cr_assert_lt(size, sizeof text - 1);
    cr_assert_str_eq(line + size - 5, "x...\n");
}

Test(log, leaves_errno_and_stdout_alone)
{
    int end = socket_as_stderr();
    errno = ENOSPC;
    say("x");
    log_event(LOG_LEVEL_ERROR, "x", "y=%d", 1);
    cr_assert_eq(errno, ENOSPC);
    close(end);
    say("nobody reads this");
    cr_assert_eq(errno, ENOSPC);
}

Test(log, gives_up_a_line_that_stderr_does_not_take, .timeout = 20)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    char block[4096] = {0};
    while (write(ends[1], block, sizeof block) > 0)
        ;
    cr_assert_eq(errno, EAGAIN);
    become_stderr(ends[1]);
    int64_t before_us = clock_now_us();
    say("lost");
    say("lost without waiting");
    cr_assert_lt(clock_now_us() - before_us, 6 * SECOND_US);
    static char text[1 << 20];
    cr_assert_gt(read(ends[0], text, sizeof text), 0);
    log_init("p", LOG_LEVEL_WARN);
    say("there");
    ssize_t size = read(ends[0], text, sizeof text - 1);
    cr_assert_gt(size, 0);
    text[size] = '\0';
    cr_assert_str_eq(text, "p: lost 2 lines, because nobody read standard error\n"
                           "p: there\n");
}

Test(log, does_not_block_in_a_pipe_that_blocks, .timeout = 20)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    char block[4096] = {0};
    while (write(ends[1], block, sizeof block) > 0)
        ;
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    become_stderr(ends[1]);
    say("lost");
    cr_assert_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

Test(log, continues_a_write_that_was_cut_short, .timeout = 20)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    become_stderr(ends[1]);
    /* A reader that starts late: the 12,000 bytes do not fit at once. */
    pid_t child = fork();
    if (child == 0) {
        static char text[12001];
        memset(text, 'x', sizeof text - 1);
        log_init("p", LOG_LEVEL_WARN);
        say("%s", text);
        _exit(0);
    }
    close(STDERR_FILENO);
    size_t size = 0;
    char last = 0, block[512];
    struct pollfd reader = {.fd = ends[0], .events = POLLIN};
    for (ssize_t got = 1; got != 0 && poll(&reader, 1, 60000) > 0;) {
        got = read(ends[0], block, sizeof block);
        size += got > 0 ? (size_t)got : 0;
        last = got > 0 ? block[got - 1] : last;
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(size, strlen("p: ") + 12000 + 1);
    cr_assert_eq(last, '\n');
}

Test(log_quote, escapes_bytes_that_could_deceive_a_reader)
{
    char buffer[64];
    static const char evil[] = "a \"b\"\\\n\t\r\033[2K\0\x7f\xc3\xa4";
    cr_assert_str_eq(log_quote(buffer, sizeof buffer, evil, sizeof evil - 1),
                     "\"a \\\"b\\\"\\\\\\n\\t\\r\\x1b[2K\\x00\\x7f\\xc3\\xa4\"");
    cr_assert_str_eq(log_quote(buffer, sizeof buffer, "", 0), "\"\"");
}

Test(log_quote, cuts_between_escapes_and_fits_exactly)
{
    char buffer[9];
    cr_assert_str_eq(log_quote(buffer, 9, "abcdef", 6), "\"abcdef\"");
    cr_assert_str_eq(log_quote(buffer, 9, "abcdefg", 7), "\"abc...\"");
    cr_assert_str_eq(log_quote(buffer, 9, "a\nb\nc\nd", 7), "\"a\\n...\"");
    cr_assert_str_eq(log_quote(buffer, 9, "ab\001\001", 4), "\"ab...\"");
    cr_assert_str_eq(log_quote(buffer, 6, "abcdef", 6), "\"...\"");
}

Test(log_status_line, is_erased_before_a_line_and_drawn_again_after_it)
{
    int master = terminal_as_stderr(80);
    log_init("p", LOG_LEVEL_WARN);
    log_status_line("5 chunks");
    expect_terminal(master, "\r\033[K5 chunks");
    say("hello");
    expect_terminal(master, "\r\033[Kp: hello\n5 chunks");
    log_status_line("6 chunks");
    expect_terminal(master, "\r\033[K6 chunks");
    log_status_line(NULL);
    expect_terminal(master, "\r\033[K");
    say("hello");
    expect_terminal(master, "p: hello\n");
}

Test(log_status_line, of_another_process_is_erased_before_a_line)
{
    int master = terminal_as_stderr(80);
    log_init("p", LOG_LEVEL_WARN);
    log_share_line(true);
    say("hello");
    expect_terminal(master, "\r\033[Kp: hello\n");
}

Test(log_status_line, is_cut_to_the_width_of_the_terminal)
{
    int master = terminal_as_stderr(10);
    log_status_line("0123456789");
    expect_terminal(master, "\r\033[K012345678");
}

Test(log_status_line, is_not_drawn_if_stderr_is_no_terminal)
{
    int end = socket_as_stderr();
    log_init("p", LOG_LEVEL_WARN);
    log_status_line("5 chunks");
    log_status_line(NULL);
    cr_assert_str_eq(read_text(end), "");
    say("hello");
    cr_assert_str_eq(read_text(end), "p: hello\n");
}
