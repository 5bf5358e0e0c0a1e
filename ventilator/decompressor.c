/* SPDX-License-Identifier: MIT */
/*
 * Its words: a name that ps shows, "--decompress" with a byte in front that no shell
 * sends by mistake, the format, the process that it works for, where a file begins, and
 * what was read of a stream in hexadecimal.
 *
 * It dies with whom it works for, and does not hear the signals that a terminal sends
 * to all: whether the run goes on is not for it to say.
 */
#include "ventilator/decompressor.h"

#include "common/memory.h"
#include "ventilator/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASKS "\001--decompress"

enum { WORDS = 6, IN_BYTES = 128 << 10, OUT_BYTES = 256 << 10, PIPE_BYTES = 1 << 20 };
enum { STATUS_DAMAGED = 1, STATUS_FAILED = 2 };

/* ---- the process ---- */

struct work {
    struct codec *codec;
    bool is_file;
    off_t offset; /* of a file's next byte */
    uint8_t in[IN_BYTES], out[OUT_BYTES];
};

bool decompressor_asked(int argc, char **argv)
{
    return argc == WORDS && strcmp(argv[1], ASKS) == 0;
}

/* Words of one write reach a pipe whole. */
static int complain(int status, const char *what)
{
    dprintf(STDERR_FILENO, "%s", what);
    return status;
}

static ssize_t read_input(struct work *work)
{
    for (;;) {
        struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
        if (!work->is_file)
            poll(&ready, 1, -1); /* it may be shared, or not block */
        ssize_t got = work->is_file
                          ? pread(STDIN_FILENO, work->in, IN_BYTES, work->offset)
                          : read(STDIN_FILENO, work->in, IN_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        work->offset += got > 0 ? got : 0;
        return got;
    }
}

static bool write_content(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(STDOUT_FILENO, bytes, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        size -= (size_t)put;
    }
    return true;
}

/* 0, or the exit status. */
static int decompress(struct work *work, const uint8_t *bytes, size_t size)
{
    struct codec_buffers buffers = {.in = bytes, .in_size = size};
    do {
        buffers.out = work->out;
        buffers.out_size = OUT_BYTES;
        enum codec_outcome outcome = codec_step(work->codec, &buffers);
        if (!write_content(work->out, OUT_BYTES - buffers.out_size))
            return STATUS_FAILED; /* nobody wants it any more */
        if (outcome != CODEC_GOES_ON)
            return complain(STATUS_DAMAGED, codec_error(work->codec));
    } while (buffers.in_size > 0 || buffers.out_size == 0);
    return 0;
}

static int decompress_all(struct work *work)
{
    ssize_t got;
    int status = 0;
    while (status == 0 && (got = read_input(work)) > 0)
        status = decompress(work, work->in, (size_t)got);
    if (status != 0)
        return status;
    if (got < 0)
        return complain(STATUS_FAILED, strerror(errno));
    if (codec_end(work->codec) != CODEC_GOES_ON)
        return complain(STATUS_DAMAGED, codec_error(work->codec));
    return 0;
}

static size_t parse_before(const char *text, uint8_t *bytes)
{
    size_t size = 0;
    unsigned byte;
    for (; size < COMPRESSION_BYTES_MAX && sscanf(text + 2 * size, "%2x", &byte) == 1;
         size++)
        bytes[size] = (uint8_t)byte;
    return size;
}

static bool end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == parent;
}

static void be_deaf(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_IGN);
}

int decompressor_run(int argc, char **argv)
{
    (void)argc;
    struct stat status;
    uint8_t before[COMPRESSION_BYTES_MAX];
    unsigned long compression = strtoul(argv[2], NULL, 10);
    be_deaf();
    if (!end_with((pid_t)strtol(argv[3], NULL, 10)))
        return STATUS_FAILED;
    if (compression <= COMPRESSION_NONE || compression >= COMPRESSION_COUNT)
        return complain(STATUS_FAILED, "unknown compression");
    struct work *work = allocate(sizeof *work);
    work->codec = codec_new((enum compression)compression);
    work->is_file = fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    work->offset = (off_t)strtoll(argv[4], NULL, 10);
    int result = decompress(work, before, parse_before(argv[5], before));
    if (result == 0)
        result = decompress_all(work);
    codec_destroy(&work->codec);
    free(work);
    return result;
}

/* ---- whom it works for ---- */

struct ends {
    int content[2], words[2];
};

static void close_ends(struct ends *ends)
{
    int all[] = {ends->content[0], ends->content[1], ends->words[0], ends->words[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
}

static int open_ends(struct ends *ends)
{
    *ends = (struct ends){{-1, -1}, {-1, -1}};
    if (pipe2(ends->content, O_CLOEXEC) < 0 || pipe2(ends->words, O_CLOEXEC) < 0 ||
        fcntl(ends->content[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(ends->words[0], F_SETFL, O_NONBLOCK) < 0) {
        int error = errno;
        close_ends(ends);
        return -error;
    }
    fcntl(ends->content[0], F_SETPIPE_SZ, PIPE_BYTES); /* a wish, no more */
    return 0;
}

/* No signal is blocked in it, as many are in us. None of the descriptors that it gets
 * is one of 0 to 2: who reads from standard input has a copy of it. */
static int spawn(const char *program, char *const *words, int fd,
                 const struct ends *ends, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends->content[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends->words[1], STDERR_FILENO);
    int error = posix_spawn(ret_pid, program, &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

int decompressor_start(const struct decompressor_start *start,
                       struct decompressor *ret_decompressor)
{
    char name[] = "fanfold-decompress", asks[] = ASKS;
    char compression[16], parent[16], offset[24];
    char before[2 * COMPRESSION_BYTES_MAX + 1] = "";
    char *words[WORDS + 1] = {name, asks, compression, parent, offset, before, NULL};
    struct ends ends;
    snprintf(compression, sizeof compression, "%d", (int)start->compression);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(offset, sizeof offset, "%" PRIu64, start->offset);
    for (size_t i = 0; i < start->before_size && i < COMPRESSION_BYTES_MAX; i++)
        snprintf(before + 2 * i, 3, "%02x", start->before[i]);
    int result = open_ends(&ends);
    if (result < 0)
        return result;
    pid_t pid;
    result = spawn(start->program ? start->program : "/proc/self/exe", words, start->fd,
                   &ends, &pid);
    if (result < 0) {
        close_ends(&ends);
        return result;
    }
    close(ends.content[1]);
    close(ends.words[1]);
    *ret_decompressor = (struct decompressor){pid, ends.content[0], ends.words[0]};
    return 0;
}

static void close_pipes(struct decompressor *decompressor)
{
    close(decompressor->content_fd);
    close(decompressor->words_fd);
    decompressor->content_fd = decompressor->words_fd = -1;
}

static int wait_for_end(struct decompressor *decompressor)
{
    int status = 0;
    while (waitpid(decompressor->pid, &status, 0) < 0 && errno == EINTR)
        ;
    decompressor->pid = 0;
    return status;
}

/* It has closed its end, which it does by ending: this does not take long. */
bool decompressor_finish(struct decompressor *decompressor, char *reason, size_t size)
{
    int status = wait_for_end(decompressor);
    ssize_t got = read(decompressor->words_fd, reason, size - 1);
    reason[got > 0 ? got : 0] = '\0';
    close_pipes(decompressor);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        snprintf(reason, size, "what decompresses it was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (!reason[0])
        snprintf(reason, size, "what decompresses it ended with status %d",
                 WEXITSTATUS(status));
    return false;
}

void decompressor_kill(struct decompressor *decompressor)
{
    if (decompressor->pid <= 0)
        return;
    kill(decompressor->pid, SIGKILL);
    wait_for_end(decompressor);
    close_pipes(decompressor);
}
