/* SPDX-License-Identifier: MIT */
/* The last chunk of an input that another follows, however it is read and cut. */
#include "common/records/record_format_text.h"
#include "common/records/record_seam.h"
#include "ventilator/source/chunker.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 60, CHUNKS_MAX = 2 * INPUT_MAX };

struct cuts {
    uint8_t bytes[2 * INPUT_MAX]; /* of all chunks */
    size_t size, added, chunks;
    uint64_t records;
    size_t ends[CHUNKS_MAX];
    bool broken;
};

static void keep(struct cuts *cuts, struct chunk *chunk)
{
    cr_assert_eq(cuts->added, 0, "only the last chunk has bytes that were added");
    cr_assert_eq(chunk->offset, cuts->size);
    cr_assert_eq(chunk->first_record, cuts->records);
    memcpy(cuts->bytes + cuts->size, zmq_msg_data(&chunk->bytes), chunk->length);
    cuts->size += chunk->length;
    cuts->added = chunk->added;
    cuts->records += chunk->records;
    cuts->ends[cuts->chunks++] = cuts->size;
    zmq_msg_close(&chunk->bytes);
}

static void feed(struct chunker *chunker, struct slice *input, size_t most,
                 bool follows)
{
    size_t room, size = most < input->size ? most : input->size;
    void *to = chunker_room(chunker, &room);
    if (size == 0) {
        chunker_on_end(chunker, follows);
        return;
    }
    memcpy(to, input->data, size);
    chunker_on_bytes(chunker, size);
    input->data += size;
    input->size -= size;
}

static struct cuts cut(const struct chunker_config *config, struct slice input,
                       size_t most, bool follows)
{
    struct chunker *chunker = chunker_new(config);
    struct cuts cuts = {.size = 0};
    struct chunk chunk;
    enum chunker_outcome outcome;
    while ((outcome = chunker_take(chunker, &chunk)) == CHUNKER_CHUNK ||
           outcome == CHUNKER_HUNGRY)
        if (outcome == CHUNKER_CHUNK)
            keep(&cuts, &chunk);
        else
            feed(chunker, &input, most, follows);
    cuts.broken = outcome == CHUNKER_BROKEN;
    chunker_destroy(&chunker);
    return cuts;
}

/* Bytes of which each format makes something. */
static size_t make(const char *letters, unsigned *seed, uint8_t *bytes)
{
    size_t size = 1 + (size_t)rand_r(seed) % INPUT_MAX;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)letters[(size_t)rand_r(seed) % strlen(letters)];
    return size;
}

static void expect_seam(const struct chunker_config *config, struct slice input,
                        const char *name)
{
    struct cuts alone = cut(config, input, 7, false);
    struct cuts first = cut(config, input, 7, true);
    struct cuts again = cut(config, input, 1, true);
    size_t whole = first.size - first.added;
    cr_assert_eq(memcmp(first.bytes, input.data, whole), 0, "%s", name);
    cr_assert_eq(memcmp(&first, &again, sizeof first), 0, "%s: by the way it came in",
                 name);
    if (first.broken)
        return;
    cr_assert_eq(whole, input.size, "%s", name);
    cr_assert_eq(first.records, alone.records, "%s", name);
    struct slice added = record_seam_bytes(&config->format, first.added);
    cr_assert_eq(memcmp(first.bytes + whole, added.data, added.size), 0, "%s", name);
    /* What is whole needs nothing more. */
    struct cuts closed = cut(config, (struct slice){first.bytes, first.size}, 7, true);
    cr_assert(closed.broken || closed.added == 0, "%s", name);
    for (size_t i = 0, at = 0; i < first.chunks; at = first.ends[i++])
        if (!config->records && first.ends[i] - at > config->block_bytes)
            cr_assert_eq(cut(config,
                             (struct slice){first.bytes + at, first.ends[i] - at}, 9,
                             false)
                             .records,
                         1, "%s: a long chunk is one record", name);
}

static const struct {
    const char *format, *letters;
} subjects[] = {
    {"", "ab\n\r"},
    {"lines=3 end=0a", "ab\n"},
    {"lines=1 end=00", "ab"},
    {"lines=1 end=0a0a", "a\n"},
    {"lines=1 end=616261", "ab"},
    {"lines=1 end=0d0a", "a\r\n"},
    {"csv", "a,\"\n\r"},
    {"fasta", ">a\n"},
    {"fastq", "@+a\n"},
    {"fixed=4", "ab"},
    {"whole", "ab"},
    {"start=3e", ">a\n"},
    {"start=3e61", ">a"},
    {"start=3c end=3e", "<>a"},
    {"regexp start=5e3e", ">a\n"},
    {"regexp end=3b5c6e", "a;\n"},
    {"regexp start=3c end=3e", "<>a"},
};

Test(chunker_seam, ends_the_last_record_however_it_comes_in_and_is_cut)
{
    unsigned seed = 1;
    uint8_t bytes[INPUT_MAX];
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        for (int round = 0; round < 300; round++) {
            struct chunker_config config = {.block_bytes = 1 + (uint64_t)round % 40,
                                            .records = round % 3 ? 0 : 1 + round % 4,
                                            .max_record_bytes = 1 << 20};
            const char *format = subjects[i].format;
            cr_assert(record_format_parse(slice_of_text(format), &config.format));
            size_t size = make(subjects[i].letters, &seed, bytes);
            expect_seam(&config, (struct slice){bytes, size}, format);
        }
}
