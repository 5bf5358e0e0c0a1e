/* SPDX-License-Identifier: MIT */
/*
 * A regular file as input. Read with pread, so that the offset of a shared descriptor
 * stays where it is; never mapped, because a file that is cut short while it is read
 * must be an error and not a SIGBUS. What is appended while it is read is read too.
 */
#include "ventilator/input.h"

#include <errno.h>
#include <unistd.h>

static ssize_t read_file(struct input *input, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = pread(input->fd, buffer, size, (off_t)input->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if (got == 0 && input->offset < input->size)
        return -ENODATA;
    input->offset += (uint64_t)got;
    return got;
}

static int reread_file(const struct input *input, uint64_t offset, void *buffer,
                       size_t size)
{
    struct input reader = *input;
    reader.offset = offset;
    for (size_t done = 0; done < size;) {
        ssize_t got = read_file(&reader, (char *)buffer + done, size - done);
        if (got <= 0)
            return got < 0 ? (int)got : -ENODATA;
        done += (size_t)got;
    }
    return 0;
}

static const struct input_kind file_kind = {read_file, reread_file};

struct input input_of_file(int fd, uint64_t offset, uint64_t size)
{
    return (struct input){.kind = &file_kind, .fd = fd, .offset = offset, .size = size};
}
