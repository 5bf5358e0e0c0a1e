/* SPDX-License-Identifier: MIT */
#include "worker/plugin_slot/shared_memory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t memory_of(const struct shared_memory *memory)
{
    struct stat info;
    cr_assert_eq(fstat(memory->fd, &info), 0);
    return (size_t)info.st_blocks * 512;
}

Test(shared_memory, is_seen_by_the_other_side_when_it_has_grown)
{
    struct shared_memory mine, other;
    cr_assert_eq(shared_memory_create(&mine, "test", 1000), 0);
    cr_assert_eq(shared_memory_open(&other, dup(mine.fd)), 0);
    size_t before = other.mapped;
    cr_assert_not(shared_memory_follow(&other, before + 1));
    cr_assert_eq(shared_memory_grow(&mine, 10 << 20), 0);
    memset(mine.data + (10 << 20) - 4, 'x', 4);
    cr_assert(shared_memory_follow(&other, 10 << 20));
    cr_assert_eq(other.data[(10 << 20) - 1], 'x');
    shared_memory_close(&mine);
    shared_memory_close(&other);
}

Test(shared_memory, cannot_be_made_shorter_by_anybody)
{
    struct shared_memory memory;
    cr_assert_eq(shared_memory_create(&memory, "test", 1 << 20), 0);
    cr_assert_eq(ftruncate(memory.fd, 0), -1);
    cr_assert_eq(errno, EPERM);
    shared_memory_close(&memory);
}

Test(shared_memory, refuses_to_follow_to_where_there_is_nothing)
{
    struct shared_memory memory;
    cr_assert_eq(shared_memory_create(&memory, "test", 1), 0);
    cr_assert_not(shared_memory_follow(&memory, SIZE_MAX));
    cr_assert_not(shared_memory_follow(&memory, (size_t)1 << 40));
    cr_assert_eq(shared_memory_grow(&memory, SIZE_MAX), -ENOMEM);
    shared_memory_close(&memory);
}

Test(shared_memory, gives_memory_back_when_it_was_not_needed_for_long)
{
    struct shared_memory memory;
    cr_assert_eq(shared_memory_create(&memory, "test", 1), 0);
    cr_assert_eq(shared_memory_grow(&memory, 64 << 20), 0);
    memset(memory.data, 'x', 64 << 20);
    shared_memory_trim(&memory, 64 << 20);
    cr_assert_geq(memory_of(&memory), 64 << 20);
    shared_memory_trim(&memory, 1000);
    cr_assert_geq(memory_of(&memory), 64 << 20, "at once");
    for (int i = 0; i < 200; i++)
        shared_memory_trim(&memory, 1000);
    cr_assert_leq(memory_of(&memory), 8 << 20);
    memset(memory.data, 'y', 64 << 20);
    shared_memory_close(&memory);
}
