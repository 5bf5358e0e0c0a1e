/* SPDX-License-Identifier: MIT */
/* A directory for a spool, and short words for what the tests do with it. */
#ifndef FANFOLD_TESTS_UNIT_SPOOL_FIXTURE_H
#define FANFOLD_TESTS_UNIT_SPOOL_FIXTURE_H

#include "common/spool/spool_reader.h"
#include "common/spool/spool_writer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], spool[80], error[512];

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-spool-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(spool, sizeof spool, "%s/spool", directory);
}

static void clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

static inline struct spool_writer *open_writer_of(uint64_t size_max,
                                                  uint64_t segment_bytes)
{
    struct spool_writer_config config = {spool, size_max, segment_bytes};
    struct spool_writer *writer;
    cr_assert_eq(spool_writer_open(&config, &writer, error, sizeof error), 0, "%s",
                 error);
    return writer;
}

static inline struct spool_writer *open_writer(void)
{
    return open_writer_of(1 << 30, 0);
}

static inline int refused_writer(void)
{
    struct spool_writer_config config = {spool, 1 << 30, 0};
    struct spool_writer *writer;
    return spool_writer_open(&config, &writer, error, sizeof error);
}

static inline struct spool_reader *open_reader(uint64_t number)
{
    struct spool_reader *reader;
    cr_assert_eq(spool_reader_open(spool, number, false, &reader, error, sizeof error),
                 0, "%s", error);
    return reader;
}

/* Appends "N\n" as the entry N of the producer "p", whose number is N + 1. */
static inline void append(struct spool_writer *writer, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[24];
        uint64_t number = spool_writer_next(writer);
        snprintf(text, sizeof text, "%llu\n", (unsigned long long)number);
        cr_assert_eq(spool_writer_append_of(writer, slice_of_text("p"), number + 1,
                                            slice_of_text(text)),
                     SPOOL_APPENDED);
    }
}

static inline void append_synced(struct spool_writer *writer, unsigned count)
{
    append(writer, count);
    cr_assert_eq(spool_writer_sync(writer), 0, "%s", spool_writer_error(writer));
}

static inline void expect(struct spool_reader *reader, uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number < to; number++) {
        struct spool_entry entry;
        char text[24];
        cr_assert_eq(spool_reader_next(reader, &entry), 1, "%s",
                     spool_reader_error(reader));
        int size = snprintf(text, sizeof text, "%llu\n", (unsigned long long)number);
        cr_assert_eq(entry.number, number);
        cr_assert_eq(entry.payload.size, (size_t)size);
        cr_assert_eq(memcmp(entry.payload.data, text, (size_t)size), 0);
    }
}

static inline void expect_none(struct spool_reader *reader)
{
    struct spool_entry entry;
    cr_assert_eq(spool_reader_next(reader, &entry), 0);
}

static inline const char *segment(unsigned number)
{
    static char path[120];
    snprintf(path, sizeof path, "%s/%08u.spool", spool, number);
    return path;
}

static inline off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* The spool is as if there never was one. */
static inline void remove_spool(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", spool);
    cr_assert_eq(system(command), 0);
}

static inline void flip(const char *path, off_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= 4;
    cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

#endif
