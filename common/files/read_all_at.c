/* SPDX-License-Identifier: MIT */
#include "common/files/read_all_at.h"

#include <errno.h>
#include <unistd.h>

bool read_all_at(int fd, void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t got =
            pread(fd, (uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}
