/* SPDX-License-Identifier: MIT */
/*
 * A regular file as input. Reads with pread, which leaves the offset of a shared
 * descriptor alone; never maps the file, because one that is cut short while it is read
 * must be an error and not a SIGBUS. Reads bytes that are appended meanwhile, too.
 */
#include "ventilator/source/input.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_at(const struct input *input, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = pread(input->fd, buffer, size, (off_t)input->offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Nothing is there, though the file had more bytes when it was opened. If it still says
 * that it has, and yet nothing can be read, its size was never true: all files of sysfs
 * say 4096. */
static ssize_t read_beyond_end(const struct input *input, void *buffer, size_t size)
{
    struct stat status;
    if (fstat(input->fd, &status) < 0)
        return -errno;
    if ((uint64_t)status.st_size < input->size)
        return -ENODATA;
    return read_at(input, buffer, size);
}

static ssize_t read_file(struct input *input, void *buffer, size_t size)
{
    ssize_t got = read_at(input, buffer, size);
    if (got == 0 && input->offset < input->size)
        got = read_beyond_end(input, buffer, size);
    if (got < 0)
        return got;
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

static const struct input_kind file_kind = {.read = read_file, .reread = reread_file};

struct input input_of_file(int fd, uint64_t offset, uint64_t size)
{
    return (struct input){.kind = &file_kind, .fd = fd, .offset = offset, .size = size};
}
