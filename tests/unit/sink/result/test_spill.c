/* SPDX-License-Identifier: MIT */
#include "sink/result/spill.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char directory[64];

static void make_directory(void)
{
    strcpy(directory, "/tmp/fanfold-spill-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

/* rmdir fails where anything was left behind. */
static void remove_directory(void)
{
    cr_assert_eq(rmdir(directory), 0, "%s: %s", directory, strerror(errno));
}

TestSuite(spill, .init = make_directory, .fini = remove_directory);

static void fill(uint8_t *bytes, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static uint64_t put(struct spill *spill, size_t size, uint8_t seed)
{
    uint8_t *bytes = malloc(size);
    uint64_t offset = UINT64_MAX;

    fill(bytes, size, seed);
    cr_assert_eq(spill_write(spill, bytes, size, &offset), 0);
    free(bytes);
    return offset;
}

static void expect(struct spill *spill, uint64_t offset, size_t size, uint8_t seed)
{
    uint8_t *bytes = malloc(size), *expected = malloc(size);

    fill(expected, size, seed);
    cr_assert_eq(spill_read(spill, offset, bytes, size), 0);
    cr_assert_arr_eq(bytes, expected, size);
    free(bytes);
    free(expected);
}

Test(spill, gives_back_what_was_written_and_leaves_no_file)
{
    struct spill *spill = spill_new(directory);
    uint64_t first = put(spill, 100000, 1), second = put(spill, 1, 2),
             third = put(spill, 3000000, 3);
    struct dirent *entry;
    DIR *listing = opendir(directory);

    expect(spill, third, 3000000, 3);
    expect(spill, first, 100000, 1);
    expect(spill, second, 1, 2);
    while ((entry = readdir(listing)) != NULL)
        cr_assert_eq(entry->d_name[0], '.', "%s", entry->d_name);
    closedir(listing);
    spill_destroy(&spill);
    cr_assert_null(spill);
}

/* Where the file ends: there lies an extent for which no gap is large enough. */
static uint64_t end_of(struct spill *spill)
{
    enum { LARGE = 400000 };
    uint64_t end = put(spill, LARGE, 99);

    spill_release(spill, end, LARGE);
    return end;
}

Test(spill, uses_the_space_of_released_extents_again)
{
    struct spill *spill = spill_new(directory);
    uint64_t offsets[10], end;

    for (uint8_t i = 0; i < 10; i++)
        offsets[i] = put(spill, 1000, i);
    end = end_of(spill);
    cr_assert_eq(end, 10000);
    spill_release(spill, offsets[3], 1000);
    spill_release(spill, offsets[5], 1000);
    spill_release(spill, offsets[4], 1000); /* joins both sides */
    offsets[3] = put(spill, 2500, 33);
    offsets[4] = put(spill, 500, 44);
    cr_assert_eq(end_of(spill), end);
    expect(spill, offsets[3], 2500, 33);
    expect(spill, offsets[4], 500, 44);
    expect(spill, offsets[2], 1000, 2);
    expect(spill, offsets[6], 1000, 6);
    spill_destroy(&spill);
}

Test(spill, shrinks_to_nothing_when_all_is_released)
{
    struct spill *spill = spill_new(directory);
    uint64_t offsets[4];

    for (uint8_t i = 0; i < 4; i++)
        offsets[i] = put(spill, 5000, i);
    spill_release(spill, offsets[2], 5000);
    spill_release(spill, offsets[0], 5000);
    spill_release(spill, offsets[3], 5000);
    cr_assert_eq(end_of(spill), 10000);
    spill_release(spill, offsets[1], 5000);
    cr_assert_eq(end_of(spill), 0);
    offsets[0] = put(spill, 100, 9);
    expect(spill, offsets[0], 100, 9);
    spill_destroy(&spill);
}

/* What a random writer must find: every extent its own bytes, and no more file than
 * gaps can explain. */
Test(spill, keeps_extents_apart_whatever_the_order)
{
    enum { EXTENTS = 64, STEPS = 4000 };
    struct spill *spill = spill_new(directory);
    uint64_t offsets[EXTENTS];
    size_t sizes[EXTENTS] = {0};
    unsigned state = 12345;

    for (int step = 0; step < STEPS; step++) {
        unsigned index = (unsigned)rand_r(&state) % EXTENTS;

        if (sizes[index] > 0) {
            expect(spill, offsets[index], sizes[index], (uint8_t)index);
            spill_release(spill, offsets[index], sizes[index]);
            sizes[index] = 0;
        } else {
            sizes[index] = 1 + (size_t)rand_r(&state) % 5000;
            offsets[index] = put(spill, sizes[index], (uint8_t)index);
        }
    }
    for (unsigned i = 0; i < EXTENTS; i++) {
        if (sizes[i] == 0)
            continue;
        expect(spill, offsets[i], sizes[i], (uint8_t)i);
        spill_release(spill, offsets[i], sizes[i]);
    }
    cr_assert_eq(end_of(spill), 0);
    spill_destroy(&spill);
}

Test(spill, tells_when_the_disk_takes_no_more_and_continues_with_what_it_has)
{
    static const struct rlimit limit = {1 << 20, 1 << 20};
    struct spill *spill = spill_new(directory);
    uint8_t *large = calloc(1, 2 << 20);
    uint64_t kept, offset;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    kept = put(spill, 1000, 1);
    cr_assert_eq(spill_write(spill, large, 2 << 20, &offset), -EFBIG);
    cr_assert_eq(end_of(spill), 1000);
    expect(spill, kept, 1000, 1);
    offset = put(spill, 2000, 2);
    expect(spill, offset, 2000, 2);
    free(large);
    spill_destroy(&spill);
}

Test(spill, tells_when_there_is_no_such_directory)
{
    struct spill *spill = spill_new("/nonexistent");
    uint64_t offset;

    cr_assert_eq(spill_write(spill, "x", 1, &offset), -ENOENT);
    spill_destroy(&spill);
}
