/* SPDX-License-Identifier: MIT */
/*
 * A pipe, socket, terminal or device as input. Reads it only when it is readable, one
 * read at a time, which then does not block. Others share a descriptor that was
 * inherited, so this never sets O_NONBLOCK on it; it opens a pipe again through /proc,
 * so that a second reader of the pipe cannot make ours block.
 *
 * Its first bytes tell whether it is compressed. Until they do, this reads no more than
 * those; if it is, they and the descriptor go to a process that decompresses.
 */
#include "ventilator/source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

static ssize_t read_now(struct input *input, void *buffer, size_t size)
{
    struct pollfd ready = {.fd = input->fd, .events = POLLIN};
    int n = poll(&ready, 1, 0);
    if (n == 0 || (n < 0 && errno == EINTR))
        return -EAGAIN;
    if (n < 0)
        return -errno;
    ssize_t got = input->is_socket ? recv(input->fd, buffer, size, MSG_DONTWAIT)
                                   : read(input->fd, buffer, size);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return got;
}

static int decompress(struct input *input, enum compression compression)
{
    struct input content;
    struct decompressor_start start = {
        .program = input->program,
        .fd = input->fd,
        .compression = compression,
        .before = input->first,
        .before_size = input->first_size,
    };
    int result = input_decompress(&start, &content);
    if (result < 0)
        return result;
    close(input->fd);
    *input = content;
    return 0;
}

/* 0 once it is known what the stream is, -EAGAIN before, or another -errno. */
static int detect(struct input *input)
{
    while (input->detects) {
        ssize_t got = read_now(input, input->first + input->first_size,
                               sizeof input->first - input->first_size);
        if (got < 0)
            return (int)got;
        input->first_size += (size_t)got;
        enum compression compression =
            got > 0 ? compression_of(input->first, input->first_size)
                    : compression_of_all(input->first, input->first_size);
        if (compression == COMPRESSION_UNKNOWN)
            continue;
        input->detects = false;
        if (compression != COMPRESSION_NONE)
            return decompress(input, compression);
    }
    return 0;
}

static size_t take_first(struct input *input, void *buffer, size_t size)
{
    size_t left = input->first_size - input->first_used;
    if (size > left)
        size = left;
    memcpy(buffer, input->first + input->first_used, size);
    input->first_used += size;
    return size;
}

static ssize_t read_stream(struct input *input, void *buffer, size_t size)
{
    int result = detect(input);
    if (result < 0)
        return result;
    if (input->decompressor.pid > 0)
        return input->kind->read(input, buffer, size);
    ssize_t got = (ssize_t)take_first(input, buffer, size);
    if (got == 0)
        got = read_now(input, buffer, size);
    input->offset += got > 0 ? (uint64_t)got : 0;
    return got;
}

static const struct input_kind stream_kind = {.read = read_stream};

/* Our own opening of the pipe behind `fd`; `fd` itself where that fails. Never of a
 * named pipe: opened again after its last writer left, it would not tell its end. */
static int open_again(int fd)
{
    char path[64], target[16] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0 ||
        strncmp(target, "pipe:", 5) != 0)
        return fd;
    int own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (own < 0)
        return fd;
    close(fd);
    fcntl(own, F_SETPIPE_SZ, PIPE_BYTES); /* fewer wake-ups; a wish, no more */
    return own;
}

struct input input_of_stream(int fd, unsigned mode, bool detects, const char *program)
{
    return (struct input){
        .kind = &stream_kind,
        .fd = S_ISFIFO(mode) ? open_again(fd) : fd,
        .is_socket = S_ISSOCK(mode),
        .detects = detects,
        .program = program,
    };
}
