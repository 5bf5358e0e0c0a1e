/* SPDX-License-Identifier: MIT */
/* Shared memory of a slot: memfd, mapped whole. Trusts nothing that the other side says
 * of its length; asks the kernel. */
#include "worker/area.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 64 << 10, KEEP_BYTES = 4 << 20 };

static int map(struct area *area, size_t size)
{
    void *data =
        area->data ? mremap(area->data, area->mapped, size, MREMAP_MAYMOVE)
                   : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, area->fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    area->data = data;
    area->mapped = size;
    return 0;
}

static size_t round_up(size_t size)
{
    return (size + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
}

int area_create(struct area *area, const char *name, size_t size)
{
    *area = (struct area){.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    int result = 0;
    if (area->fd < 0 || ftruncate(area->fd, (off_t)round_up(size)) < 0 ||
        fcntl(area->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        result = -errno;
    if (result == 0)
        result = map(area, round_up(size));
    if (result < 0)
        area_close(area);
    return result;
}

static size_t file_size(const struct area *area)
{
    struct stat info;
    return fstat(area->fd, &info) < 0 ? 0 : (size_t)info.st_size;
}

int area_open(struct area *area, int fd)
{
    *area = (struct area){.fd = fd};
    return map(area, file_size(area));
}

void area_close(struct area *area)
{
    if (area->data)
        munmap(area->data, area->mapped);
    if (area->fd >= 0)
        close(area->fd);
    *area = (struct area){.fd = -1};
}

int area_grow(struct area *area, size_t size)
{
    if (size <= area->mapped)
        return 0;
    if (size > PTRDIFF_MAX - STEP_BYTES)
        return -ENOMEM;
    size_t wanted = round_up(size > area->mapped * 2 ? size : area->mapped * 2);
    if (ftruncate(area->fd, (off_t)wanted) < 0)
        return -errno;
    return map(area, wanted);
}

bool area_follow(struct area *area, size_t size)
{
    if (size <= area->mapped)
        return true;
    size_t real = file_size(area);
    return size <= real && map(area, real) == 0;
}

void area_rest(struct area *area, size_t used)
{
    size_t real = file_size(area);
    if (real > area->known) /* made longer, and then written to, one must assume */
        area->touched = real;
    area->known = real;
    if (area->touched < used)
        area->touched = used;
    area->peak -= area->peak / 16;
    if (area->peak < used)
        area->peak = used;
    size_t keep = round_up(area->peak) * 2 + KEEP_BYTES;
    if (area->touched <= keep)
        return;
    (void)fallocate(area->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)keep,
                    (off_t)(real - keep));
    area->touched = keep;
}
