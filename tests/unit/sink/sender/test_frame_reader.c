/* SPDX-License-Identifier: MIT */
#include "sink/sender/frame_reader.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct frame_reader reader;

static void open_file(void)
{
    reader = (struct frame_reader){.fd = memfd_create("frames", MFD_CLOEXEC)};
    cr_assert_geq(reader.fd, 0);
}

static void close_file(void)
{
    close(reader.fd);
    frame_reader_deinit(&reader);
}

TestSuite(frame_reader, .init = open_file, .fini = close_file);

static void put(const void *bytes, size_t size)
{
    uint32_t length = htobe32((uint32_t)size);
    cr_assert_eq(write(reader.fd, &length, sizeof length), 4);
    cr_assert_eq(write(reader.fd, bytes, size), (ssize_t)size);
}

static uint64_t end(void)
{
    return (uint64_t)lseek(reader.fd, 0, SEEK_END);
}

Test(frame_reader, gives_records_with_their_numbers_as_far_as_the_limit)
{
    struct slice record;
    put("one", 3);
    put("", 0);
    uint64_t limit = end();
    put("three", 5);
    cr_assert_eq(frame_reader_next(&reader, limit, &record), 1);
    cr_assert_eq(record.size, 3);
    cr_assert_eq(memcmp(record.data, "one", 3), 0);
    cr_assert_eq(frame_reader_next(&reader, limit, &record), 1);
    cr_assert_eq(record.size, 0);
    cr_assert_eq(reader.number, 2);
    cr_assert_eq(frame_reader_next(&reader, limit, &record), 0);
    cr_assert_eq(frame_reader_next(&reader, end(), &record), 1, "the limit has moved");
    cr_assert_eq(memcmp(record.data, "three", 5), 0);
    cr_assert_eq(reader.offset, end());
}

Test(frame_reader, a_limit_within_a_frame_is_damage)
{
    struct slice record;
    put("one", 3);
    for (uint64_t limit = 1; limit < end(); limit++) {
        frame_reader_seek(&reader, 0, 0);
        cr_assert_eq(frame_reader_next(&reader, limit, &record), -EBADMSG);
    }
    frame_reader_seek(&reader, 0, 0);
    cr_assert_eq(frame_reader_next(&reader, end() + 1, &record), 1);
    cr_assert_eq(frame_reader_next(&reader, end() + 1, &record), -EBADMSG,
                 "the file is shorter than was committed");
}

Test(frame_reader, records_larger_than_a_read_come_whole)
{
    size_t size = 3 << 20;
    uint8_t *large = calloc(1, size);
    struct slice record;
    large[size - 1] = 7;
    put("small", 5);
    put(large, size);
    put("small", 5);
    cr_assert_eq(frame_reader_next(&reader, end(), &record), 1);
    cr_assert_eq(frame_reader_next(&reader, end(), &record), 1);
    cr_assert_eq(record.size, size);
    cr_assert_eq(record.data[size - 1], 7);
    cr_assert_eq(frame_reader_next(&reader, end(), &record), 1);
    cr_assert_eq(record.size, 5);
    free(large);
}
