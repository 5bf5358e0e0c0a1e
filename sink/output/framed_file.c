/* SPDX-License-Identifier: MIT */
/* Reads one head after the other, mostly no more than the first. */
#include "sink/output/framed_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static uint64_t get_number(const uint8_t *from, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | from[i];
    return number;
}

static bool find_result(int fd, bool tagged, uint64_t end)
{
    enum { KIND_AT = 8, TAG_BYTES = 12 };
    uint8_t head[FRAME_HEAD_MAX];
    size_t tag = tagged ? TAG_BYTES : 0, size = tag + FRAME_HEAD_BYTES;
    for (uint64_t at = 0; at < end;) {
        if (pread(fd, head, size, (off_t)at) != (ssize_t)size)
            return true;
        uint64_t body = get_number(head + tag, FRAME_HEAD_BYTES);
        bool result = !tagged || get_number(head + KIND_AT, 4) == FRAME_OF_RESULT;
        if (body > 0 && result)
            return true;
        at += size + body;
    }
    return false;
}

bool framed_file_has_result(int fd, enum framing framing, uint64_t end)
{
    char path[64];
    if (framing != FRAMING_RESULT && framing != FRAMING_TAGGED)
        return end > 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool found = own < 0 || find_result(own, framing == FRAMING_TAGGED, end);
    if (own >= 0)
        close(own);
    return found;
}
