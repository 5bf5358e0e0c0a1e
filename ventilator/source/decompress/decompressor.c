/* SPDX-License-Identifier: MIT */
/*
 * The process's arguments: a name that ps shows; "--decompress" with a byte in front
 * that no shell sends by mistake; the compression; the ventilator's pid; where a file
 * begins; and, in hexadecimal, the bytes that the ventilator has read of a stream.
 *
 * It dies with the ventilator, and ignores the signals that a terminal sends to all:
 * only the ventilator decides whether the run continues.
 */
#include "ventilator/source/decompress/decompressor.h"

#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/signals.h"
#include "common/process/strangers.h"
#include "ventilator/source/decompress/codec.h"
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

enum {
    ARGUMENTS = 6,
    IN_BYTES = 128 << 10,
    OUT_BYTES = 256 << 10,
    PIPE_BYTES = 1 << 20
};
enum { STATUS_DAMAGED = 1, STATUS_FAILED = 2 };

/* ---- the process ---- */

struct decompression {
    struct codec *codec;
    bool is_file;
    off_t offset; /* of a file's next byte */
    uint8_t in[IN_BYTES], out[OUT_BYTES];
};

bool decompressor_asked(int argc, char **argv)
{
    return argc == ARGUMENTS && strcmp(argv[1], ASKS) == 0;
}

/* One write reaches a pipe whole. */
static int complain(int status, const char *what)
{
    dprintf(STDERR_FILENO, "%s", what);
    return status;
}

static ssize_t read_input(struct decompression *decompression)
{
    for (;;) {
        struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
        if (!decompression->is_file)
            poll(&ready, 1, -1); /* it may be shared, or not block */
        ssize_t got = decompression->is_file
                          ? pread(STDIN_FILENO, decompression->in, IN_BYTES,
                                  decompression->offset)
                          : read(STDIN_FILENO, decompression->in, IN_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        decompression->offset += got > 0 ? got : 0;
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
static int decompress(struct decompression *decompression, const uint8_t *bytes,
                      size_t size)
{
    struct codec_buffers buffers = {.in = bytes, .in_size = size};
    do {
        buffers.out = decompression->out;
        buffers.out_size = OUT_BYTES;
        enum codec_outcome outcome = codec_step(decompression->codec, &buffers);
        if (!write_content(decompression->out, OUT_BYTES - buffers.out_size))
            return STATUS_FAILED; /* the ventilator is gone */
        if (outcome != CODEC_OK)
            return complain(STATUS_DAMAGED, codec_error(decompression->codec));
    } while (buffers.in_size > 0 || buffers.out_size == 0);
    return 0;
}

static int decompress_all(struct decompression *decompression)
{
    ssize_t got;
    int status = 0;
    while (status == 0 && (got = read_input(decompression)) > 0)
        status = decompress(decompression, decompression->in, (size_t)got);
    if (status != 0)
        return status;
    if (got < 0)
        return complain(STATUS_FAILED, strerror(errno));
    if (codec_end(decompression->codec) != CODEC_OK)
        return complain(STATUS_DAMAGED, codec_error(decompression->codec));
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

static void ignore_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    signals_ignore(numbers, sizeof numbers / sizeof *numbers);
}

int decompressor_run(char **argv)
{
    struct stat status;
    uint8_t before[COMPRESSION_BYTES_MAX];
    unsigned long compression = strtoul(argv[2], NULL, 10);
    ignore_signals();
    if (!end_with((pid_t)strtol(argv[3], NULL, 10)))
        return STATUS_FAILED;
    if (compression <= COMPRESSION_NONE || compression >= COMPRESSION_COUNT)
        return complain(STATUS_FAILED, "unknown compression");
    struct decompression *decompression = allocate(sizeof *decompression);
    decompression->codec = codec_new((enum compression)compression);
    decompression->is_file = fstat(STDIN_FILENO, &status) == 0 &&
                             S_ISREG(status.st_mode);
    decompression->offset = (off_t)strtoll(argv[4], NULL, 10);
    int result = decompress(decompression, before, parse_before(argv[5], before));
    if (result == 0)
        result = decompress_all(decompression);
    codec_destroy(&decompression->codec);
    free(decompression);
    return result;
}

/* ---- the ventilator's side ---- */

/* Of two pipes, by which the process sends content and the reason of a failure. */
struct pipe_ends {
    int content, reason;
};

static void close_ends(struct pipe_ends *ends)
{
    fd_close(&ends->content);
    fd_close(&ends->reason);
}

static int open_pipes(struct pipe_ends *ret_ours, struct pipe_ends *ret_theirs)
{
    struct pipe_ends ours = {-1, -1}, theirs = {-1, -1};
    int result = pipe_open(PIPE_READ, &ours.content, &theirs.content);
    if (result == 0)
        result = pipe_open(PIPE_READ, &ours.reason, &theirs.reason);
    if (result < 0) {
        close_ends(&ours);
        close_ends(&theirs);
        return result;
    }
    fcntl(ours.content, F_SETPIPE_SZ, PIPE_BYTES); /* faster, where we may */
    *ret_ours = ours;
    *ret_theirs = theirs;
    return 0;
}

/* Unblocks all signals in the process, as many are blocked here. None of the
 * descriptors that it gets is one of 0 to 2: the input_list reads a copy of standard
 * input. */
static int spawn(const char *program, char *const *arguments, int fd,
                 const struct pipe_ends *ends, pid_t *ret_pid)
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
    posix_spawn_file_actions_adddup2(&actions, ends->content, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends->reason, STDERR_FILENO);
    int error =
        posix_spawn(ret_pid, program, &actions, &attributes, arguments, environ);
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
    char *arguments[ARGUMENTS + 1] = {name,   asks,   compression, parent,
                                      offset, before, NULL};
    struct pipe_ends ours, theirs;
    snprintf(compression, sizeof compression, "%d", (int)start->compression);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(offset, sizeof offset, "%" PRIu64, start->offset);
    for (size_t i = 0; i < start->before_size && i < COMPRESSION_BYTES_MAX; i++)
        snprintf(before + 2 * i, 3, "%02x", start->before[i]);
    int result = open_pipes(&ours, &theirs);
    if (result < 0)
        return result;
    pid_t pid;
    result = spawn(start->program ? start->program : "/proc/self/exe", arguments,
                   start->fd, &theirs, &pid);
    close_ends(&theirs);
    if (result < 0) {
        close_ends(&ours);
        return result;
    }
    strangers_spare(pid);
    *ret_decompressor = (struct decompressor){pid, ours.content, ours.reason};
    return 0;
}

static void close_pipes(struct decompressor *decompressor)
{
    fd_close(&decompressor->content_fd);
    fd_close(&decompressor->reason_fd);
}

/* 0, or -errno. */
static int wait_for_end(struct decompressor *decompressor, int *ret_status)
{
    int result = child_wait(decompressor->pid, ret_status);
    strangers_release(decompressor->pid);
    decompressor->pid = 0;
    return result;
}

/* The process has closed its pipe, which it does by ending: the wait is short. */
bool decompressor_finish(struct decompressor *decompressor, char *reason, size_t size)
{
    int status = 0;
    int result = wait_for_end(decompressor, &status);
    ssize_t got = read(decompressor->reason_fd, reason, size - 1);
    reason[got > 0 ? got : 0] = '\0';
    close_pipes(decompressor);
    if (result == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (result < 0)
        snprintf(reason, size, "the end of its decompressor cannot be seen: %s",
                 strerror(-result));
    else if (WIFSIGNALED(status))
        snprintf(reason, size, "its decompressor was killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (!reason[0])
        snprintf(reason, size, "its decompressor exited with status %d",
                 WEXITSTATUS(status));
    return false;
}

void decompressor_kill(struct decompressor *decompressor)
{
    if (decompressor->pid <= 0)
        return;
    int status;
    kill(decompressor->pid, SIGKILL);
    (void)wait_for_end(decompressor, &status);
    close_pipes(decompressor);
}
