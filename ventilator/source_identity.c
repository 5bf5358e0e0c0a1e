/* SPDX-License-Identifier: MIT */
/*
 * Written: 1 byte (which form: 1), 1 byte (kind), and the numbers in the order of the
 * struct, each a little-endian u64.
 *
 * A file that is the same in size, time, beginning and end is the same. If only its
 * time differs, somebody may have changed it in between: its bytes decide. A stream has
 * nothing but its bytes.
 */
#include "ventilator/source_identity.h"

#include "common/memory.h"
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { FORM = 1, NUMBERS = 9, SAMPLE_BYTES = 64 << 10 };

_Static_assert(SOURCE_IDENTITY_SIZE == 2 + NUMBERS * 8, "all numbers have room");

/* Hashes what lies from `from` to `end`; a file that ends earlier is a change that is
 * noticed when it is read. */
static int hash_range(int fd, uint64_t from, uint64_t end, uint64_t *ret_hash)
{
    uint8_t *bytes = allocate(SAMPLE_BYTES);
    size_t size = (size_t)(end - from), done = 0;
    ssize_t got = 1;
    while (done < size && got > 0) {
        do
            got = pread(fd, bytes + done, size - done, (off_t)(from + done));
        while (got < 0 && errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
    int result = got < 0 ? -errno : 0;
    *ret_hash = XXH3_64bits(bytes, done);
    free(bytes);
    return result;
}

static int find_samples(int fd, struct source_identity *identity)
{
    uint64_t start = identity->start;
    uint64_t end = identity->size > start ? identity->size : start;
    uint64_t sample = end - start < SAMPLE_BYTES ? end - start : SAMPLE_BYTES;
    int result = hash_range(fd, start, start + sample, &identity->head);
    return result < 0 ? result : hash_range(fd, end - sample, end, &identity->tail);
}

/* As ever of lines, so that a run that began with them can go on. */
static uint64_t hash_ends(const struct record_format *format)
{
    char text[FORMAT_MAX_BYTES + 1];
    if (format->kind == RECORDS_LINES)
        return XXH3_64bits(format->end, format->end_size);
    record_format_print(format, text);
    return XXH3_64bits(text, strlen(text));
}

int source_identity_find(int fd, enum source_kind kind, uint64_t start,
                         const struct chunker_config *config,
                         struct source_identity *ret_identity)
{
    const struct record_format *format = &config->format;
    struct source_identity identity = {
        .kind = kind,
        .start = start,
        .lines = format->lines,
        .recend = hash_ends(format),
        .records = config->records,
        .block = config->records || config->block_auto ? 0 : config->block_bytes,
    };
    if (kind == SOURCE_KIND_FILE) {
        struct stat status;
        if (fstat(fd, &status) < 0)
            return -errno;
        identity.size = (uint64_t)status.st_size;
        identity.changed_ns = (uint64_t)status.st_mtim.tv_sec * UINT64_C(1000000000) +
                              (uint64_t)status.st_mtim.tv_nsec;
        int result = find_samples(fd, &identity);
        if (result < 0)
            return result;
    }
    *ret_identity = identity;
    return 0;
}

void source_identity_write(const struct source_identity *identity,
                           uint8_t bytes[SOURCE_IDENTITY_SIZE])
{
    uint64_t numbers[NUMBERS] = {
        identity->start,  identity->size,    identity->changed_ns,
        identity->head,   identity->tail,    identity->lines,
        identity->recend, identity->records, identity->block,
    };
    bytes[0] = FORM;
    bytes[1] = (uint8_t)identity->kind;
    for (size_t i = 0; i < NUMBERS; i++)
        numbers[i] = htole64(numbers[i]);
    memcpy(bytes + 2, numbers, sizeof numbers);
}

bool source_identity_read(struct slice bytes, struct source_identity *ret_identity)
{
    uint64_t numbers[NUMBERS];
    if (bytes.size != SOURCE_IDENTITY_SIZE || bytes.data[0] != FORM ||
        (bytes.data[1] != SOURCE_KIND_FILE && bytes.data[1] != SOURCE_KIND_STREAM))
        return false;
    memcpy(numbers, bytes.data + 2, sizeof numbers);
    for (size_t i = 0; i < NUMBERS; i++)
        numbers[i] = le64toh(numbers[i]);
    *ret_identity = (struct source_identity){
        .kind = (enum source_kind)bytes.data[1],
        .start = numbers[0],
        .size = numbers[1],
        .changed_ns = numbers[2],
        .head = numbers[3],
        .tail = numbers[4],
        .lines = numbers[5],
        .recend = numbers[6],
        .records = numbers[7],
        .block = numbers[8],
    };
    return true;
}

/* True where there is a difference, which is then said. */
static bool options_differ(const struct source_identity *began,
                           const struct source_identity *now, char *reason, size_t size)
{
    if (began->recend != now->recend || !began->lines != !now->lines)
        snprintf(reason, size,
                 "what a record is was another thing when the run began (--format, "
                 "--fixed, --recstart, --recend, --regexp or -0)");
    else if (began->lines != now->lines)
        snprintf(reason, size, "the run began with -L %" PRIu64 ", not -L %" PRIu64,
                 began->lines, now->lines);
    else if (began->records != now->records && began->records && now->records)
        snprintf(reason, size, "the run began with -N %" PRIu64 ", not -N %" PRIu64,
                 began->records, now->records);
    else if (began->records != now->records)
        snprintf(reason, size, "the run began with%s -N %" PRIu64,
                 began->records ? "" : "out", began->records + now->records);
    else if (began->block != now->block && !(began->block && now->block))
        snprintf(reason, size, "the run began with%s --block auto",
                 began->block ? "out" : "");
    else if (began->block != now->block)
        snprintf(reason, size,
                 "the run began with --block %" PRIu64 ", not --block %" PRIu64,
                 began->block, now->block);
    else
        return false;
    return true;
}

static bool files_differ(const struct source_identity *began,
                         const struct source_identity *now, char *reason, size_t size)
{
    static const char other[] = "it is not the input that the run began with";
    if (began->start != now->start)
        snprintf(reason, size,
                 "the run began at byte %" PRIu64 " of it, and not at byte %" PRIu64,
                 began->start, now->start);
    else if (began->size != now->size)
        snprintf(reason, size, "%s (its size was %" PRIu64 ", it is %" PRIu64 ")",
                 other, began->size, now->size);
    else if (began->head != now->head)
        snprintf(reason, size, "%s (it begins otherwise)", other);
    else if (began->tail != now->tail)
        snprintf(reason, size, "%s (it ends otherwise)", other);
    else
        return false;
    return true;
}

enum source_match source_identity_match(const struct source_identity *began,
                                        const struct source_identity *now, char *reason,
                                        size_t reason_size)
{
    if (options_differ(began, now, reason, reason_size))
        return SOURCE_OTHER;
    if (began->kind == SOURCE_KIND_STREAM || now->kind == SOURCE_KIND_STREAM)
        return SOURCE_PERHAPS;
    if (files_differ(began, now, reason, reason_size))
        return SOURCE_OTHER;
    return began->changed_ns == now->changed_ns ? SOURCE_SAME : SOURCE_PERHAPS;
}
