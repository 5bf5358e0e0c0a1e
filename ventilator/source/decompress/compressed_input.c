/* SPDX-License-Identifier: MIT */
/*
 * The content of a compressed input, as it comes over a pipe from the process that
 * decompresses it. That process's exit status says whether the content is complete.
 */
#include "ventilator/source/input.h"

#include <errno.h>
#include <unistd.h>

static ssize_t end(struct input *input)
{
    struct decompressor decompressor = input->decompressor;
    input->decompressor.pid = 0;
    bool all = decompressor_finish(&decompressor, input->reason, sizeof input->reason);
    input->fd = -1;
    return all ? 0 : -EBADMSG;
}

static ssize_t read_content(struct input *input, void *buffer, size_t size)
{
    if (input->fd < 0)
        return 0;
    ssize_t got = read(input->fd, buffer, size);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (got == 0)
        return end(input);
    input->offset += (uint64_t)got;
    return got;
}

static const struct input_kind compressed_kind = {.read = read_content};

int input_decompress(const struct decompressor_start *start, struct input *ret_input)
{
    struct decompressor decompressor;
    int result = decompressor_start(start, &decompressor);
    if (result < 0)
        return result;
    *ret_input = (struct input){
        .kind = &compressed_kind,
        .fd = decompressor.content_fd,
        .decompressor = decompressor,
    };
    return 0;
}

void input_close(struct input *input)
{
    if (input->kind && input->kind->close)
        input->kind->close(input);
    else if (input->decompressor.pid > 0)
        decompressor_kill(&input->decompressor);
    else if (input->fd >= 0)
        close(input->fd);
    input->decompressor.pid = 0;
    input->fd = -1;
}
