/* SPDX-License-Identifier: MIT */
/* Every case gives the chunker a whole input in reads of some size and looks at all
 * chunks. */
#include "common/records/record_format_text.h"
#include "ventilator/source/chunker.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a command line without options says. */
static struct chunker_config plain(void)
{
    return (struct chunker_config){.block_bytes = 1 << 20,
                                   .format = RECORD_FORMAT_DEFAULT,
                                   .max_record_bytes = 256 << 20};
}

static void end_with(struct chunker_config *config, const char *end)
{
    config->format.end_size = strlen(end);
    memcpy(config->format.end, end, strlen(end));
}

enum { CUTS_MAX = 4096 };

struct cut {
    uint64_t offset, length, first_record, records;
};

struct cuts {
    uint8_t *bytes; /* of all chunks, one after the other */
    size_t size;
    struct cut cut[CUTS_MAX];
    unsigned count;
    bool too_long, broken;
    char problem[400]; /* of one of them */
    uint64_t record_offset;
};

static void keep(struct cuts *cuts, struct chunk *chunk)
{
    cr_assert_lt(cuts->count, CUTS_MAX);
    cr_assert_eq(zmq_msg_size(&chunk->bytes), chunk->length);
    cr_assert_eq(chunk->offset, cuts->size);
    memcpy(cuts->bytes + cuts->size, zmq_msg_data(&chunk->bytes), chunk->length);
    cuts->size += chunk->length;
    cuts->cut[cuts->count++] =
        (struct cut){chunk->offset, chunk->length, chunk->first_record, chunk->records};
    zmq_msg_close(&chunk->bytes);
}

static void keep_problem(struct cuts *cuts, const struct chunker *chunker)
{
    cuts->record_offset = chunker_record_offset(chunker);
    strcpy(cuts->problem, chunker_problem(chunker));
}

/* Takes what there is; true: it is hungry. */
static bool drain(struct chunker *chunker, struct cuts *cuts)
{
    for (;;) {
        struct chunk chunk;
        switch (chunker_take(chunker, &chunk)) {
        case CHUNKER_CHUNK:
            keep(cuts, &chunk);
            break;
        case CHUNKER_HUNGRY:
            return true;
        case CHUNKER_TOO_LONG:
            cuts->too_long = true;
            keep_problem(cuts, chunker);
            cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_TOO_LONG);
            return false;
        case CHUNKER_BROKEN:
            cuts->broken = true;
            keep_problem(cuts, chunker);
            cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_BROKEN);
            return false;
        case CHUNKER_ENDED:
            return false;
        }
    }
}

static void ingest(struct chunker *chunker, const uint8_t *data, size_t size)
{
    size_t room;
    uint8_t *to = chunker_room(chunker, &room);
    cr_assert_leq(size, room);
    memcpy(to, data, size);
    chunker_on_bytes(chunker, size);
}

/* In reads of at most `read_max` bytes, each of random size if `seed` is not 0. */
static struct cuts *cut_all(const struct chunker_config *config, const void *input,
                            size_t size, size_t read_max, unsigned seed)
{
    struct chunker *chunker = chunker_new(config);
    struct cuts *cuts = calloc(1, sizeof *cuts);
    cuts->bytes = malloc(size + 1);
    size_t done = 0;
    bool hungry = drain(chunker, cuts);
    while (hungry && done < size) {
        size_t room;
        chunker_room(chunker, &room);
        cr_assert_gt(room, 0);
        size_t now = seed ? (size_t)rand_r(&seed) % read_max + 1 : read_max;
        now = now < room ? now : room;
        now = now < size - done ? now : size - done;
        ingest(chunker, (const uint8_t *)input + done, now);
        done += now;
        hungry = drain(chunker, cuts);
    }
    chunker_on_end(chunker, false);
    cr_assert(!hungry || !drain(chunker, cuts), "hungry after the end");
    chunker_destroy(&chunker);
    cr_assert_null(chunker);
    return cuts;
}

static void cuts_destroy(struct cuts *cuts)
{
    free(cuts->bytes);
    free(cuts);
}

/* "a|bc|" for the chunks of `input`, whose bytes must all be there. */
static void expect(const struct chunker_config *config, const char *input,
                   const char *chunks)
{
    for (size_t read_max = 1; read_max <= strlen(input) + 1; read_max++) {
        struct cuts *cuts = cut_all(config, input, strlen(input), read_max, 0);
        char text[512] = "";
        for (unsigned i = 0; i < cuts->count; i++) {
            strncat(text, (char *)cuts->bytes + cuts->cut[i].offset,
                    cuts->cut[i].length);
            strcat(text, "|");
        }
        cr_expect_str_eq(text, chunks, "reads of %zu: %s, expected %s", read_max, text,
                         chunks);
        cuts_destroy(cuts);
    }
}

Test(chunker, cuts_nothing_from_an_empty_input)
{
    struct chunker_config config = plain();
    expect(&config, "", "");
}

Test(chunker, does_not_end_a_last_record_that_lacks_its_end)
{
    struct chunker_config config = plain();
    expect(&config, "x", "x|");
    expect(&config, "a\nb", "a\nb|");
    config.block_bytes = 2;
    expect(&config, "a\nb", "a\n|b|");
}

Test(chunker, fills_a_block_with_whole_records)
{
    struct chunker_config config = plain();
    config.block_bytes = 5;
    expect(&config, "a\nb\nc\nd\n", "a\nb\n|c\nd\n|");
    expect(&config, "abcd\nef\n", "abcd\n|ef\n|");
    expect(&config, "\n\n\n\n\n\n\n", "\n\n\n\n\n|\n\n|");
    expect(&config, "a\r\nb\r\n", "a\r\n|b\r\n|");
}

Test(chunker, makes_a_chunk_of_one_record_that_is_longer_than_the_block)
{
    struct chunker_config config = plain();
    config.block_bytes = 4;
    expect(&config, "a\nbcdefgh\ni\nj\n", "a\n|bcdefgh\n|i\nj\n|");
    expect(&config, "abcdefgh", "abcdefgh|");
    expect(&config, "a\nbcdefgh", "a\n|bcdefgh|");
}

Test(chunker, never_counts_an_end_across_two_chunks_as_in_one)
{
    struct chunker_config config = plain();
    config.block_bytes = 6;
    end_with(&config, "<>");
    expect(&config, "a<>b<>c<>", "a<>b<>|c<>|");
    expect(&config, "abcde<>f<>", "abcde<>|f<>|");
    expect(&config, "<<<<<<<>>>", "<<<<<<<>|>>|");
    expect(&config, "ab<cd>e<>>", "ab<cd>e<>|>|");
}

Test(chunker, knows_an_end_that_is_longer_than_the_block)
{
    struct chunker_config config = plain();
    config.block_bytes = 2;
    end_with(&config, "12345");
    expect(&config, "a12345b1234512345c", "a12345|b12345|12345|c|");
}

Test(chunker, finds_ends_that_overlap_from_the_left)
{
    struct chunker_config config = plain();
    config.block_bytes = 5;
    end_with(&config, "\n\n");
    expect(&config, "x\n\n\ny\n\nz", "x\n\n|\ny\n\n|z|");
}

Test(chunker, counts_records_whatever_the_block)
{
    struct chunker_config config = plain();
    config.block_bytes = 1;
    config.records = 2;
    expect(&config, "a\nbcd\ne\nf\ng", "a\nbcd\n|e\nf\n|g|");
    expect(&config, "a\nb\n", "a\nb\n|");
}

Test(chunker, takes_several_lines_as_a_record)
{
    struct chunker_config config = plain();
    config.block_bytes = 10;
    config.format.lines = 2;
    expect(&config, "1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n|5\n6\n7\n|");
    config.block_bytes = 3;
    expect(&config, "1\n2\n3\n4\n5", "1\n2\n|3\n4\n|5|");
    config.records = 2;
    expect(&config, "1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n|5\n6\n7\n|");
}

Test(chunker, numbers_the_records_that_it_counts)
{
    struct chunker_config config = plain();
    config.records = 2;
    config.format.lines = 2;
    const char *input = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11";
    struct cuts *cuts = cut_all(&config, input, strlen(input), 3, 0);
    cr_assert_eq(cuts->count, 3);
    cr_expect_eq(cuts->cut[1].first_record, 2);
    cr_expect_eq(cuts->cut[1].records, 2);
    cr_expect_eq(cuts->cut[2].first_record, 4);
    cr_expect_eq(cuts->cut[2].records, 2, "the last lacks lines and is a record");
    cuts_destroy(cuts);
}

Test(chunker, refuses_a_record_above_the_limit_and_names_its_start)
{
    struct chunker_config config = plain();
    config.block_bytes = 4;
    config.max_record_bytes = 8;
    for (size_t read_max = 1; read_max < 20; read_max++) {
        struct cuts *cuts = cut_all(&config, "a\nb\n12345678\n", 13, read_max, 0);
        cr_expect(cuts->too_long);
        cr_expect_eq(cuts->record_offset, 4);
        cuts_destroy(cuts);
        cuts = cut_all(&config, "a\nb\n1234567\nc\n", 14, read_max, 0);
        cr_expect(!cuts->too_long, "8 bytes with its end are allowed");
        cuts_destroy(cuts);
        cuts = cut_all(&config, "a\nb\n123456789", 13, read_max, 0);
        cr_expect(cuts->too_long, "also where the end is lacking");
        cuts_destroy(cuts);
    }
}

Test(chunker, refuses_a_record_above_the_limit_also_where_the_block_is_larger)
{
    struct chunker_config config = plain();
    config.max_record_bytes = 3;
    struct cuts *cuts = cut_all(&config, "a\nb\nccc\n", 8, 8, 0);
    cr_expect(cuts->too_long);
    cr_expect_eq(cuts->record_offset, 4);
    cuts_destroy(cuts);
    config.records = 5;
    cuts = cut_all(&config, "a\nb\nccc\n", 8, 8, 0);
    cr_expect(cuts->too_long);
    cr_expect_eq(cuts->record_offset, 4);
    cuts_destroy(cuts);
}

Test(chunker, resumes_in_the_middle_of_an_input)
{
    struct chunker_config config = plain();
    config.records = 1;
    struct chunker *chunker = chunker_new(&config);
    struct chunk chunk;
    chunker_start(chunker, 1000, 50, (struct slice){0});
    ingest(chunker, (const uint8_t *)"ab\ncd\n", 6);
    cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
    zmq_msg_close(&chunk.bytes);
    cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
    cr_expect_eq(chunk.offset, 1003);
    cr_expect_eq(chunk.first_record, 51);
    zmq_msg_close(&chunk.bytes);
    cr_expect_eq(chunker_offset(chunker), 1006);
    chunker_destroy(&chunker);
}

Test(chunker, hands_a_full_buffer_over_and_copies_small_chunks)
{
    struct chunker_config config = plain();
    struct chunker *chunker = chunker_new(&config);
    struct chunk chunk;
    size_t room;
    uint8_t *to = chunker_room(chunker, &room);
    cr_assert_eq(room, 1 << 20);
    memset(to, 'x', room);
    to[room - 11] = '\n';
    chunker_on_bytes(chunker, room);
    cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
    cr_expect_eq(zmq_msg_data(&chunk.bytes), to, "not copied");
    cr_expect_eq(chunk.length, room - 10);
    zmq_msg_close(&chunk.bytes);
    chunker_destroy(&chunker);

    config.records = 1;
    chunker = chunker_new(&config);
    to = chunker_room(chunker, &room);
    memcpy(to, "tiny\n", 5);
    chunker_on_bytes(chunker, 5);
    cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
    cr_expect_neq(zmq_msg_data(&chunk.bytes), to, "does not pin the buffer");
    zmq_msg_close(&chunk.bytes);
    chunker_destroy(&chunker);
}

static struct chunker_config in(const char *format)
{
    struct chunker_config config = plain();
    cr_assert(record_format_parse(slice_of_text(format), &config.format));
    return config;
}

Test(chunker, hands_out_whole_records_before_one_that_is_broken)
{
    static const char input[] = "@a\nA\n+\nI\n@b\nC\n+\nI\n@c\nG\n-\nI\n";
    struct chunker_config config = in("fastq");
    for (size_t read_max = 1; read_max < sizeof input; read_max++) {
        struct cuts *cuts = cut_all(&config, input, strlen(input), read_max, 0);
        cr_expect(cuts->broken);
        cr_expect_eq(cuts->size, 18);
        cr_expect_eq(cuts->count, 1);
        cr_expect_eq(cuts->cut[0].records, 2);
        cr_expect_str_eq(cuts->problem,
                         "record 3 at byte 18 has no \"+\" where its third "
                         "line begins (it must have four)");
        cuts_destroy(cuts);
    }
}

Test(chunker, hands_out_whole_records_before_one_that_is_too_long)
{
    struct chunker_config config = plain();
    config.max_record_bytes = 4;
    for (size_t read_max = 1; read_max < 16; read_max++) {
        struct cuts *cuts = cut_all(&config, "a\nbcd\nefghi\nj\n", 14, read_max, 0);
        cr_expect(cuts->too_long);
        cr_expect_eq(cuts->size, 6);
        cr_expect_str_eq(cuts->problem,
                         "record 3 at byte 6 is longer than 4 bytes (--max-record)");
        cuts_destroy(cuts);
    }
}

Test(chunker, names_a_frame_that_is_cut_short_after_the_whole_ones)
{
    struct chunker_config config = in("frames");
    struct cuts *cuts = cut_all(&config, "\0\0\0\1a\0\0\0\3bc", 11, 3, 0);
    cr_expect(cuts->broken);
    cr_expect_eq(cuts->size, 5);
    cr_expect_str_eq(cuts->problem, "record 2 at byte 5 is cut short: a frame of 7 "
                                    "bytes, of which 6 are left");
    cuts_destroy(cuts);
    cuts = cut_all(&config, "\0\0\0\1a\0\0", 7, 7, 0);
    cr_expect(cuts->broken);
    cr_expect_eq(cuts->size, 5);
    cuts_destroy(cuts);
}

Test(chunker, refuses_a_frame_by_the_length_that_it_announces)
{
    struct chunker_config config = in("frames");
    struct chunker *chunker = chunker_new(&config);
    struct chunk chunk;
    ingest(chunker, (const uint8_t *)"\x7f\xff\xff\xff", 4);
    cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_TOO_LONG);
    chunker_destroy(&chunker);
}

Test(chunker, suspects_a_quote_where_a_csv_record_is_too_long)
{
    struct chunker_config config = in("csv");
    config.max_record_bytes = 8;
    struct cuts *cuts = cut_all(&config, "a,\"b\nc\nd\ne\n", 13, 3, 0);
    cr_expect(cuts->too_long);
    cr_expect(strstr(cuts->problem, "a quote"), "%s", cuts->problem);
    cuts_destroy(cuts);
}

Test(chunker, lets_empty_lines_through_at_the_end_of_fastq)
{
    struct chunker_config config = in("fastq");
    expect(&config, "@a\nA\n+\nI\n\n\n", "@a\nA\n+\nI\n\n\n|");
    expect(&config, "@a\nA\n+\nI\n\n@b\n", "@a\nA\n+\nI\n|");
}

Test(chunker, names_what_a_fastq_entry_lacks_that_is_cut_short_after_the_whole_ones)
{
    static const char whole[] = "@a\nAC\n+\nII\n";
    static const struct {
        const char *entry, *lacks;
    } cases[] = {
        {"@", "its sequence, its \"+\" and its quality are missing"},
        {"@b\n", "its sequence, its \"+\" and its quality are missing"},
        {"@b\nA", "its \"+\" and its quality are missing"},
        {"@b\nAC\n", "its \"+\" and its quality are missing"},
        {"@b\n\n", "its \"+\" and its quality are missing"},
        {"@b\n\n+", "its quality is missing"},
        {"@b\nAC\n+b\n", "its quality is missing"},
        {"@b\nAC\n+\n@", "its quality ends after 1 of 2 characters"},
        {"@b\r\nAC\r\n+\r\nI\r", "its quality ends after 1 of 2 characters"},
    };
    struct chunker_config config = in("fastq");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char input[100], problem[200];
        snprintf(input, sizeof input, "%s%s", whole, cases[i].entry);
        snprintf(problem, sizeof problem, "record 2 at byte 11 is cut short: %s",
                 cases[i].lacks);
        for (size_t read_max = 1; read_max <= strlen(input); read_max++) {
            struct cuts *cuts = cut_all(&config, input, strlen(input), read_max, 0);
            cr_expect(cuts->broken, "%s", cases[i].entry);
            cr_expect_eq(cuts->size, strlen(whole));
            cr_expect_str_eq(cuts->problem, problem);
            cuts_destroy(cuts);
        }
    }
}

Test(chunker, lets_the_last_fastq_entry_lack_its_newline)
{
    struct chunker_config config = in("fastq");
    expect(&config, "@a\nAC\n+\nII", "@a\nAC\n+\nII|");
    expect(&config, "@a\nAC\n+\nIII", "@a\nAC\n+\nIII|");
    expect(&config, "@a\r\nAC\r\n+\r\nII", "@a\r\nAC\r\n+\r\nII|");
    expect(&config, "@a\r\nAC\r\n+\r\nII\r", "@a\r\nAC\r\n+\r\nII\r|");
    expect(&config, "@a\n\n+\n", "@a\n\n+\n|");
    expect(&config, "@a\nAC\n+\n\n", "@a\nAC\n+\n\n|");
}

Test(chunker, takes_whole_records_early)
{
    static const char *const formats[] = {"lines=1 end=0a", "lines=2 end=0a", "csv",
                                          "start=78", "fixed=4"};
    static const size_t sizes[] = {4, 4, 4, 5, 4};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct chunker_config config = in(formats[i]);
        struct chunker *chunker = chunker_new(&config);
        struct chunk chunk;
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
        cr_expect_eq(chunker_take_early(chunker, &chunk), CHUNKER_HUNGRY);
        ingest(chunker, (const uint8_t *)"x\n2\n3x", 6);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
        cr_assert_eq(chunker_take_early(chunker, &chunk), CHUNKER_CHUNK, "%s",
                     formats[i]);
        cr_expect_eq(chunk.length, sizes[i], "%s: %zu", formats[i],
                     (size_t)chunk.length);
        zmq_msg_close(&chunk.bytes);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
        cr_expect_eq(chunker_take_early(chunker, &chunk), CHUNKER_HUNGRY);
        chunker_on_end(chunker, false);
        cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
        cr_expect_eq(chunk.length, 6 - sizes[i], "%s", formats[i]);
        zmq_msg_close(&chunk.bytes);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_ENDED);
        chunker_destroy(&chunker);
    }
}

Test(chunker, starts_over_with_another_input)
{
    struct chunker_config config = in("fasta");
    struct chunker *chunker = chunker_new(&config);
    struct chunk chunk;
    for (unsigned i = 0; i < 3; i++) {
        ingest(chunker, (const uint8_t *)"no header\n", 10);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
        chunker_on_end(chunker, false);
        cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
        cr_expect_eq(chunk.offset, 0);
        cr_expect_eq(chunk.first_record, i);
        zmq_msg_close(&chunk.bytes);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_ENDED);
        chunker_start(chunker, 0, i + 1, (struct slice){0});
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
    }
    chunker_destroy(&chunker);
}

/* Cuts what is there, one chunk of each size after the other. */
static void expect_sizes(const char *format, const char *input, const uint64_t *blocks,
                         const uint64_t *lengths, size_t count)
{
    struct chunker_config config = in(format);
    struct chunker *chunker = chunker_new(&config);
    struct chunk chunk;
    ingest(chunker, (const uint8_t *)input, strlen(input));
    for (size_t i = 0; i < count; i++) {
        chunker_set_block(chunker, blocks[i]);
        cr_assert_eq(chunker_take(chunker, &chunk), CHUNKER_CHUNK);
        cr_expect_eq(chunk.length, lengths[i], "%s, chunk %zu: %zu", format, i,
                     (size_t)chunk.length);
        zmq_msg_close(&chunk.bytes);
        chunker_set_block(chunker, 1000);
        cr_expect_eq(chunker_take(chunker, &chunk), CHUNKER_HUNGRY);
    }
    chunker_destroy(&chunker);
}

Test(chunker, cuts_the_next_chunk_by_the_block_that_was_set)
{
    static const uint64_t blocks[] = {4, 1, 7, 3}, lengths[] = {4, 2, 6, 2};
    static const char input[] = "a\nb\nc\nd\ne\nf\ng\nh\n";
    expect_sizes("lines=1 end=0a", input, blocks, lengths, 4);
    expect_sizes("csv", input, blocks, lengths, 4);
    expect_sizes("fixed=2", input, blocks, lengths, 4);
    expect_sizes("regexp end=5c6e", input, blocks, lengths, 4);
}

/* ---- any input, any config, any reads ---- */

/* Where the records of `input` end, found the slow way: ret_ends[i] is the offset
 * behind record i. Returns how many there are. A last one that lacks its end counts as
 * a byte longer: whether the end comes is not known when it fills the block. */
static size_t find_records(const struct chunker_config *config, const uint8_t *input,
                           size_t size, size_t *ret_ends)
{
    size_t count = 0, line_start = 0;
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++) {
        size_t end = i + 1;
        if (end - line_start < config->format.end_size ||
            memcmp(input + end - config->format.end_size, config->format.end,
                   config->format.end_size) != 0)
            continue;
        line_start = end;
        if (++lines == config->format.lines) {
            ret_ends[count++] = end;
            lines = 0;
        }
    }
    if (size && (!count || ret_ends[count - 1] < size))
        ret_ends[count++] = size + 1;
    return count;
}

/* The borders that the rule asks for; returns how many chunks. */
static size_t find_cuts(const struct chunker_config *config, const size_t *ends,
                        size_t count, size_t size, size_t *ret_cuts)
{
    size_t cuts = 0, start = 0;
    for (size_t i = 0; i < count;) {
        size_t first = i++;
        if (config->records)
            while (i < count && i - first < config->records)
                i++;
        else
            while (i < count && ends[i] - start <= config->block_bytes)
                i++;
        start = ret_cuts[cuts++] = ends[i - 1] < size ? ends[i - 1] : size;
    }
    return cuts;
}

static void fill(uint8_t *input, size_t size, const char *alphabet, unsigned *seed)
{
    for (size_t i = 0; i < size; i++)
        input[i] = alphabet ? (uint8_t)alphabet[(size_t)rand_r(seed) % strlen(alphabet)]
                            : (uint8_t)rand_r(seed);
}

static struct chunker_config random_config(unsigned *seed)
{
    static const char *const ends[] = {"\n", "b", "ab", "aa", "aba", "\nb\n", "abb"};
    struct chunker_config config = plain();
    end_with(&config, ends[(size_t)rand_r(seed) % 7]);
    config.block_bytes = 1 + (size_t)rand_r(seed) % 60;
    config.format.lines = rand_r(seed) % 3 ? 1 : 1 + (size_t)rand_r(seed) % 4;
    config.records = rand_r(seed) % 3 ? 0 : 1 + (size_t)rand_r(seed) % 5;
    return config;
}

Test(chunker, cuts_any_input_where_a_slow_and_simple_reader_would)
{
    enum { SIZE_MAX_HERE = 700 };
    static uint8_t input[SIZE_MAX_HERE];
    static size_t ends[SIZE_MAX_HERE + 1], borders[SIZE_MAX_HERE + 1];
    for (unsigned round = 1; round <= 3000; round++) {
        unsigned seed = round;
        struct chunker_config config = random_config(&seed);
        size_t size = (size_t)rand_r(&seed) % SIZE_MAX_HERE;
        fill(input, size, round % 5 ? "ab\ncd" : NULL, &seed);
        size_t records = find_records(&config, input, size, ends);
        size_t count = find_cuts(&config, ends, records, size, borders);
        struct cuts *cuts =
            cut_all(&config, input, size, 1 + (size_t)rand_r(&seed) % 90, seed | 1);
        cr_assert_eq(cuts->size, size, "round %u", round);
        cr_assert(size == 0 || memcmp(cuts->bytes, input, size) == 0, "round %u",
                  round);
        cr_assert_eq(cuts->count, count, "round %u: %u chunks, expected %zu", round,
                     cuts->count, count);
        for (size_t i = 0, record = 0; i < count; i++) {
            cr_assert_eq(cuts->cut[i].offset + cuts->cut[i].length, borders[i],
                         "round %u, chunk %zu", round, i);
            cr_assert_eq(cuts->cut[i].first_record, record, "round %u, chunk %zu",
                         round, i);
            record += cuts->cut[i].records;
            cr_assert_leq(record, records, "round %u, chunk %zu", round, i);
            cr_assert_geq(ends[record - 1], borders[i], "round %u, chunk %zu", round,
                          i);
            cr_assert(ends[record - 1] == borders[i] || i == count - 1,
                      "round %u, chunk %zu", round, i);
        }
        cuts_destroy(cuts);
    }
}

Test(chunker, brings_megabytes_through_growing_and_shrinking_buffers)
{
    enum { SIZE = 9 << 20 };
    uint8_t *input = malloc(SIZE);
    unsigned seed = 7;
    fill(input, SIZE, NULL, &seed);
    memset(input + 100, 'x', 3 << 20); /* one long record */
    static const struct {
        uint64_t block, records;
    } rules[] = {{1 << 20, 0}, {64 << 10, 0}, {300 << 10, 0}, {1, 100}, {1, 9000}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct chunker_config config = plain();
        config.block_bytes = rules[i].block;
        config.records = rules[i].records;
        struct cuts *cuts = cut_all(&config, input, SIZE, 64 << 10, 3);
        cr_assert_eq(cuts->size, SIZE);
        cr_assert_eq(memcmp(cuts->bytes, input, SIZE), 0);
        for (unsigned n = 0; n + 1 < cuts->count; n++)
            cr_assert_eq(cuts->bytes[cuts->cut[n + 1].offset - 1], '\n');
        cuts_destroy(cuts);
    }
    free(input);
}
