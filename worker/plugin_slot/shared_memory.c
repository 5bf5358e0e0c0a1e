/* SPDX-License-Identifier: MIT */
/* Shared memory of a slot: memfd, mapped whole. Trusts nothing that the other side says
 * of its length; asks the kernel. */
#include "worker/plugin_slot/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 64 << 10, KEEP_BYTES = 4 << 20 };

static int map(struct shared_memory *memory, size_t size)
{
    void *data =
        memory->data
            ? mremap(memory->data, memory->mapped, size, MREMAP_MAYMOVE)
            : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    memory->data = data;
    memory->mapped = size;
    return 0;
}

static size_t round_up(size_t size)
{
    return (size + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
}

int shared_memory_create(struct shared_memory *memory, const char *name, size_t size)
{
    *memory = (struct shared_memory){
        .fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    int result = 0;
    if (memory->fd < 0 || ftruncate(memory->fd, (off_t)round_up(size)) < 0 ||
        fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        result = -errno;
    if (result == 0)
        result = map(memory, round_up(size));
    if (result < 0)
        shared_memory_close(memory);
    return result;
}

static size_t file_size(const struct shared_memory *memory)
{
    struct stat info;
    return fstat(memory->fd, &info) < 0 ? 0 : (size_t)info.st_size;
}

int shared_memory_open(struct shared_memory *memory, int fd)
{
    *memory = (struct shared_memory){.fd = fd};
    return map(memory, file_size(memory));
}

void shared_memory_close(struct shared_memory *memory)
{
    if (memory->data)
        munmap(memory->data, memory->mapped);
    if (memory->fd >= 0)
        close(memory->fd);
    *memory = (struct shared_memory){.fd = -1};
}

int shared_memory_grow(struct shared_memory *memory, size_t size)
{
    if (size <= memory->mapped)
        return 0;
    if (size > PTRDIFF_MAX - STEP_BYTES)
        return -ENOMEM;
    size_t wanted = round_up(size > memory->mapped * 2 ? size : memory->mapped * 2);
    if (ftruncate(memory->fd, (off_t)wanted) < 0)
        return -errno;
    return map(memory, wanted);
}

bool shared_memory_follow(struct shared_memory *memory, size_t size)
{
    if (size <= memory->mapped)
        return true;
    size_t real = file_size(memory);
    return size <= real && map(memory, real) == 0;
}

void shared_memory_trim(struct shared_memory *memory, size_t used)
{
    size_t real = file_size(memory);
    if (real > memory->known) /* made longer, and then written to, one must assume */
        memory->touched = real;
    memory->known = real;
    if (memory->touched < used)
        memory->touched = used;
    memory->peak -= memory->peak / 16;
    if (memory->peak < used)
        memory->peak = used;
    size_t keep = round_up(memory->peak) * 2 + KEEP_BYTES;
    if (memory->touched <= keep)
        return;
    (void)fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)keep,
                    (off_t)(real - keep));
    memory->touched = keep;
}
