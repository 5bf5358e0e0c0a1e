/* SPDX-License-Identifier: MIT */
/* Opens once more what was opened for writing, whatever name it has by now. */
#include "sink/output/output_fingerprint.h"

#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#include <xxhash.h>

static int open_to_read(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return own < 0 ? -errno : own;
}

static int read_all(int fd, uint64_t from, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)(from + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        done += (size_t)got;
    }
    return 0;
}

int output_fingerprint(int fd, uint64_t offset, uint64_t *ret_hash)
{
    size_t size = offset < OUTPUT_FINGERPRINT_BYTES ? (size_t)offset
                                                    : OUTPUT_FINGERPRINT_BYTES;
    int own = open_to_read(fd);
    if (own < 0)
        return own;
    uint8_t *bytes = allocate(OUTPUT_FINGERPRINT_BYTES);
    int result = read_all(own, offset - size, bytes, size);
    uint64_t hash = XXH3_64bits(bytes, size);
    *ret_hash = hash != 0 ? hash : 1;
    free(bytes);
    close(own);
    return result;
}
