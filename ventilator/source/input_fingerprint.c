/* SPDX-License-Identifier: MIT */
/*
 * Written: 1 byte (which form: 2), 1 byte (kind), and the numbers in the order of the
 * struct, each a little-endian u64.
 *
 * A file that has the same size, time, beginning and end is the same. If only its time
 * differs, somebody may have changed it in between: its bytes decide. Of a stream, and
 * of content that was compressed in another way, there is nothing but bytes.
 */
#include "ventilator/source/input_fingerprint.h"

#include "common/memory.h"
#include "common/protocol/mark.h"
#include "common/records/record_format_text.h"
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { FORM = 2, NUMBERS = 13, SAMPLE_BYTES = 64 << 10 };

_Static_assert(INPUT_FINGERPRINT_SIZE == 2 + NUMBERS * 8, "all numbers have room");

/* Hashes the bytes from `from` to `end`. A file that ends earlier has changed, which
 * the reader notices later. */
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

static int find_samples(int fd, struct input_fingerprint *fingerprint)
{
    uint64_t start = fingerprint->start;
    uint64_t end = fingerprint->size > start ? fingerprint->size : start;
    uint64_t sample = end - start < SAMPLE_BYTES ? end - start : SAMPLE_BYTES;
    int result = hash_range(fd, start, start + sample, &fingerprint->head);
    return result < 0 ? result : hash_range(fd, end - sample, end, &fingerprint->tail);
}

/* Of lines, the hash of their end alone, as the first versions wrote it. */
static uint64_t hash_ends(const struct record_format *format)
{
    char text[FORMAT_MAX_BYTES + 1];
    if (format->kind == RECORDS_LINES)
        return XXH3_64bits(format->end, format->end_size);
    record_format_print(format, text);
    return XXH3_64bits(text, strlen(text));
}

struct input_fingerprint input_fingerprint_begin(const struct source_cut *cut)
{
    return (struct input_fingerprint){
        .format = hash_ends(&cut->chunker->format),
        .lines = cut->chunker->format.lines,
        .records = cut->chunker->records,
        .block = cut->chunker->records || cut->chunker->block_auto
                     ? 0
                     : cut->chunker->block_bytes,
        .header_lines = cut->header_lines,
        .whole_files = cut->whole_files,
        .header_out = cut->header_out,
    };
}

/* One file or stream by itself, without the cut. */
static int look_at(int fd, struct input_fingerprint *fingerprint)
{
    struct stat status;
    if (fingerprint->kind == SOURCE_KIND_STREAM)
        return 0;
    if (fstat(fd, &status) < 0)
        return -errno;
    fingerprint->size = (uint64_t)status.st_size;
    fingerprint->changed_ns = (uint64_t)status.st_mtim.tv_sec * UINT64_C(1000000000) +
                              (uint64_t)status.st_mtim.tv_nsec;
    return find_samples(fd, fingerprint);
}

/* A hash of all numbers that it was given, in this order. */
static uint64_t fold(uint64_t hash, uint64_t number)
{
    number = htole64(number);
    return XXH3_64bits_withSeed(&number, sizeof number, hash);
}

static enum source_kind more_doubtful(enum source_kind a, enum source_kind b)
{
    if (a == SOURCE_KIND_STREAM || b == SOURCE_KIND_STREAM)
        return SOURCE_KIND_STREAM;
    return a == SOURCE_KIND_COMPRESSED ? a : b;
}

static void add(struct input_fingerprint *whole, const struct input_fingerprint *next)
{
    whole->kind = more_doubtful(whole->kind, next->kind);
    whole->size += next->size;
    whole->start = fold(whole->start, next->start);
    whole->changed_ns = fold(whole->changed_ns, next->changed_ns);
    whole->head = fold(fold(whole->head, next->size), next->head);
    whole->tail = fold(fold(whole->tail, next->kind), next->tail);
}

int input_fingerprint_add(struct input_fingerprint *fingerprint, int fd,
                          enum source_kind kind, uint64_t start)
{
    struct input_fingerprint next = {.kind = kind, .start = start};
    int result = look_at(fd, &next);
    if (result < 0)
        return result;
    if (fingerprint->count++ > 0) {
        add(fingerprint, &next);
        return 0;
    }
    fingerprint->kind = kind;
    fingerprint->start = start;
    fingerprint->size = next.size;
    fingerprint->changed_ns = next.changed_ns;
    fingerprint->head = next.head;
    fingerprint->tail = next.tail;
    return 0;
}

void input_fingerprint_identify(struct input_fingerprint *fingerprint,
                                uint64_t identity)
{
    fingerprint->head = identity;
}

/* The numbers in the order in which they are written. */
static void list(struct input_fingerprint *fingerprint, uint64_t *numbers[NUMBERS])
{
    uint64_t *const all[NUMBERS] = {
        &fingerprint->count,        &fingerprint->start,       &fingerprint->size,
        &fingerprint->changed_ns,   &fingerprint->head,        &fingerprint->tail,
        &fingerprint->format,       &fingerprint->records,     &fingerprint->block,
        &fingerprint->header_lines, &fingerprint->whole_files, &fingerprint->lines,
        &fingerprint->header_out,
    };
    memcpy(numbers, all, sizeof all);
}

void input_fingerprint_write(const struct input_fingerprint *fingerprint,
                             uint8_t bytes[INPUT_FINGERPRINT_SIZE])
{
    struct input_fingerprint copy = *fingerprint;
    uint64_t *numbers[NUMBERS];
    list(&copy, numbers);
    bool pinned = fingerprint->kind == SOURCE_KIND_STREAM && fingerprint->count == 1 &&
                  fingerprint->head != 0;
    bytes[0] = FORM | (pinned ? INPUT_PINNED : 0);
    bytes[1] = (uint8_t)fingerprint->kind;
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t number = htole64(*numbers[i]);
        memcpy(bytes + 2 + 8 * i, &number, sizeof number);
    }
}

bool input_fingerprint_read(struct slice bytes,
                            struct input_fingerprint *ret_fingerprint)
{
    struct input_fingerprint fingerprint;
    uint64_t *numbers[NUMBERS], number;
    if (bytes.size != INPUT_FINGERPRINT_SIZE ||
        (bytes.data[0] & ~INPUT_PINNED) != FORM || bytes.data[1] < SOURCE_KIND_FILE ||
        bytes.data[1] > SOURCE_KIND_COMPRESSED)
        return false;
    fingerprint.kind = (enum source_kind)bytes.data[1];
    list(&fingerprint, numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        memcpy(&number, bytes.data + 2 + 8 * i, sizeof number);
        *numbers[i] = le64toh(number);
    }
    *ret_fingerprint = fingerprint;
    return true;
}

/* True: there is a difference, and `reason` names it. */
static bool options_differ(const struct input_fingerprint *began,
                           const struct input_fingerprint *now, char *reason,
                           size_t size)
{
    if (began->whole_files != now->whole_files)
        snprintf(reason, size, "the run began with%s --whole-files",
                 began->whole_files ? "" : "out");
    else if (began->format != now->format || !began->lines != !now->lines)
        snprintf(reason, size,
                 "the run began with another record format (--format, --fixed, "
                 "--recstart, --recend, --regexp or -0)");
    else if (began->lines != now->lines)
        snprintf(reason, size, "the run began with -L %" PRIu64 ", not -L %" PRIu64,
                 began->lines, now->lines);
    else if (began->header_lines != now->header_lines)
        snprintf(reason, size,
                 "the run began with --header %" PRIu64 ", not --header %" PRIu64,
                 began->header_lines, now->header_lines);
    else if (began->header_out != now->header_out)
        snprintf(reason, size,
                 "the run began with --header-out %" PRIu64
                 ", not --header-out %" PRIu64,
                 began->header_out, now->header_out);
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

static bool counts_differ(const struct input_fingerprint *began,
                          const struct input_fingerprint *now, char *reason,
                          size_t size)
{
    if (began->count == now->count)
        return false;
    snprintf(reason, size, "the run began with %" PRIu64 " inputs, not %" PRIu64,
             began->count, now->count);
    return true;
}

/* As far as the size tells. Through a pipe, the run could resume: it checks the bytes
 * of a pipe, and not which file they come from. */
static bool only_grew(const struct input_fingerprint *began,
                      const struct input_fingerprint *now)
{
    return now->count == 1 && now->kind == SOURCE_KIND_FILE &&
           now->kind == began->kind && now->start == 0 && began->start == 0 &&
           now->size > began->size;
}

static bool files_differ(const struct input_fingerprint *began,
                         const struct input_fingerprint *now, char *reason, size_t size)
{
    const char *other = now->count == 1
                            ? "it is not the input that the run began with"
                            : "these are not the inputs that the run began with";
    if (began->size != now->size)
        snprintf(reason, size, "%s (%s size was %" PRIu64 ", %s %" PRIu64 ")%s", other,
                 now->count == 1 ? "its" : "their", began->size,
                 now->count == 1 ? "it is" : "and is", now->size,
                 only_grew(began, now)
                     ? "; if the part that the run has read is the same, "
                       "pipe it into the same command without -i"
                     : "");
    else if (began->start != now->start && now->count == 1)
        snprintf(reason, size,
                 "the run began at byte %" PRIu64 " of it, and not at byte %" PRIu64,
                 began->start, now->start);
    else if (began->head != now->head || began->start != now->start)
        snprintf(reason, size, "%s (%s)", other,
                 now->count == 1 ? "it begins differently"
                                 : "in order, size or how one of them begins");
    else if (began->tail != now->tail)
        snprintf(reason, size, "%s (%s)", other,
                 now->count == 1 ? "it ends differently"
                                 : "one of them ends differently");
    else
        return false;
    return true;
}

/* A spool has a name that no other has. */
static bool streams_differ(const struct input_fingerprint *began,
                           const struct input_fingerprint *now, char *reason,
                           size_t size)
{
    if (began->kind != now->kind || began->count != 1 || !began->head || !now->head ||
        began->head == now->head)
        return false;
    snprintf(reason, size, "it is not the spool that the run began with");
    return true;
}

/* In all that is known of them, the time too. */
static bool are_same(const struct input_fingerprint *began,
                     const struct input_fingerprint *now)
{
    return began->kind == now->kind && began->start == now->start &&
           began->size == now->size && began->changed_ns == now->changed_ns &&
           began->head == now->head && began->tail == now->tail;
}

enum input_match input_fingerprint_match(const struct input_fingerprint *began,
                                         const struct input_fingerprint *now,
                                         char *reason, size_t reason_size)
{
    if (options_differ(began, now, reason, reason_size) ||
        counts_differ(began, now, reason, reason_size))
        return INPUT_OTHER;
    if (began->kind == SOURCE_KIND_STREAM || now->kind == SOURCE_KIND_STREAM)
        return streams_differ(began, now, reason, reason_size) ? INPUT_OTHER
                                                               : INPUT_PERHAPS;
    if (are_same(began, now))
        return INPUT_SAME;
    if (began->kind == SOURCE_KIND_FILE && now->kind == SOURCE_KIND_FILE &&
        files_differ(began, now, reason, reason_size))
        return INPUT_OTHER;
    return INPUT_PERHAPS;
}
