/* SPDX-License-Identifier: MIT */
/*
 * Every format against a slow and simple reader that looks at one byte after the other:
 * for random inputs, sizes and reads the chunks are the input, end where the reader
 * says, and a worker that is given one of them finds the same records in it.
 */
#include "common/records/record_format_text.h"
#include "common/records/records.h"
#include "ventilator/source/chunker.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <criterion/criterion.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 3000 };

/* ---- the slow reader: where the first record ends ---- */

enum slow { SLOW_END, SLOW_OPEN, SLOW_BROKEN };

typedef enum slow slow_reader(const struct record_format *format, const uint8_t *bytes,
                              size_t size, size_t *ret_end);

static bool ends_with(const uint8_t *bytes, size_t at, const uint8_t *text, size_t size)
{
    return at >= size && memcmp(bytes + at - size, text, size) == 0;
}

static bool begins_with(const uint8_t *bytes, size_t size, const uint8_t *text,
                        size_t text_size)
{
    return size >= text_size && memcmp(bytes, text, text_size) == 0;
}

static enum slow slow_lines(const struct record_format *format, const uint8_t *bytes,
                            size_t size, size_t *ret_end)
{
    size_t line = 0;
    uint64_t lines = 0;
    for (size_t at = 1; at <= size; at++) {
        if (!ends_with(bytes + line, at - line, format->end, format->end_size))
            continue;
        line = at;
        *ret_end = at;
        if (++lines == format->lines)
            return SLOW_END;
    }
    return SLOW_OPEN;
}

/* As Python's csv module: a field is quoted, or not, from its first letter on. */
static enum slow slow_csv(const struct record_format *format, const uint8_t *bytes,
                          size_t size, size_t *ret_end)
{
    enum { FIELD_START, IN_FIELD, IN_QUOTES, AFTER_QUOTE } state = FIELD_START;
    (void)format;
    for (size_t i = 0; i < size; i++) {
        if (state == IN_QUOTES) {
            state = bytes[i] == '"' ? AFTER_QUOTE : IN_QUOTES;
        } else if (bytes[i] == '"' && state != IN_FIELD) {
            state = IN_QUOTES;
        } else if (bytes[i] == '\n') {
            *ret_end = i + 1;
            return SLOW_END;
        } else {
            state = bytes[i] && strchr(",;\t|", bytes[i]) ? FIELD_START : IN_FIELD;
        }
    }
    return SLOW_OPEN;
}

static enum slow slow_fasta(const struct record_format *format, const uint8_t *bytes,
                            size_t size, size_t *ret_end)
{
    bool started = size && bytes[0] == '>';
    (void)format;
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] != '>' || bytes[i - 1] != '\n')
            continue;
        *ret_end = i;
        if (started)
            return SLOW_END;
        started = true;
    }
    return SLOW_OPEN;
}

static bool ends_line(const uint8_t *bytes, size_t size, size_t at)
{
    return bytes[at] == '\r' && (at + 1 == size || bytes[at + 1] == '\n');
}

static enum slow slow_fastq(const struct record_format *format, const uint8_t *bytes,
                            size_t size, size_t *ret_end)
{
    int line = 0;
    size_t empty = 0, length[4] = {0};
    (void)format;
    while (empty < size && (bytes[empty] == '\n' || bytes[empty] == '\r'))
        empty++;
    if (empty == size)
        return SLOW_OPEN;
    for (size_t i = 0; i < size; i++) {
        bool first = i == 0 || bytes[i - 1] == '\n';
        if (first && ((line == 0 && bytes[i] != '@') || (line == 2 && bytes[i] != '+')))
            return SLOW_BROKEN;
        length[line] += bytes[i] != '\n' && !ends_line(bytes, size, i);
        if (bytes[i] == '\n' && ++line == 4) {
            *ret_end = i + 1;
            return SLOW_END;
        }
    }
    return line == 3 && length[3] >= length[1] ? SLOW_OPEN : SLOW_BROKEN;
}

static enum slow slow_frames(const struct record_format *format, const uint8_t *bytes,
                             size_t size, size_t *ret_end)
{
    (void)format;
    if (size < 4)
        return SLOW_BROKEN;
    *ret_end = 4 + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
                    (size_t)bytes[2] << 8 | bytes[3]);
    return *ret_end <= size ? SLOW_END : SLOW_BROKEN;
}

static enum slow slow_fixed(const struct record_format *format, const uint8_t *bytes,
                            size_t size, size_t *ret_end)
{
    (void)bytes;
    *ret_end = format->size;
    return size >= format->size ? SLOW_END : SLOW_OPEN;
}

static enum slow slow_whole(const struct record_format *format, const uint8_t *bytes,
                            size_t size, size_t *ret_end)
{
    (void)format, (void)bytes, (void)size, (void)ret_end;
    return SLOW_OPEN;
}

static enum slow slow_marked(const struct record_format *format, const uint8_t *bytes,
                             size_t size, size_t *ret_end)
{
    const uint8_t *start = format->start, *end = format->end;
    size_t from = 1;
    if (!format->end_size && begins_with(bytes, size, start, format->start_size))
        from = format->start_size;
    for (size_t at = from; at < size; at++) {
        if (!begins_with(bytes + at, size - at, start, format->start_size) ||
            !ends_with(bytes, at, end, format->end_size))
            continue;
        *ret_end = at;
        return SLOW_END;
    }
    return SLOW_OPEN;
}

/* One match in all that there is, interpreted, with no thought of pieces. */
static bool match(const char *pattern, const uint8_t *bytes, size_t size, size_t from,
                  uint32_t options, size_t *ret_begin, size_t *ret_end)
{
    int number;
    size_t at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX, &number,
                                     &at, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int result = pcre2_match(code, bytes, size, from, options, data, NULL);
    cr_assert(result >= 0 || result == PCRE2_ERROR_NOMATCH);
    if (result >= 0) {
        *ret_begin = pcre2_get_ovector_pointer(data)[0];
        *ret_end = pcre2_get_ovector_pointer(data)[1];
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return result >= 0;
}

static enum slow slow_regexp(const struct record_format *format, const uint8_t *bytes,
                             size_t size, size_t *ret_end)
{
    char pattern[600];
    size_t from = 1, begin;
    if (format->end_size) {
        snprintf(pattern, sizeof pattern, "(?:%.*s)(?=%.*s)", (int)format->end_size,
                 (const char *)format->end, (int)format->start_size,
                 (const char *)format->start);
        return match(pattern, bytes, size, 0, PCRE2_NOTEMPTY_ATSTART, &begin, ret_end)
                   ? SLOW_END
                   : SLOW_OPEN;
    }
    snprintf(pattern, sizeof pattern, "%.*s", (int)format->start_size,
             (const char *)format->start);
    if (match(pattern, bytes, size, 0, PCRE2_ANCHORED, &begin, ret_end) && *ret_end > 0)
        from = *ret_end;
    return from <= size && match(pattern, bytes, size, from, 0, ret_end, &begin)
               ? SLOW_END
               : SLOW_OPEN;
}

/* ---- what a chunker must say ---- */

struct expected {
    size_t ends[INPUT_MAX + 1]; /* of records; that of a last one that lacks its end is
                                   a byte beyond */
    size_t count;
    bool broken;
};

static void read_slowly(slow_reader *reader, const struct record_format *format,
                        const uint8_t *input, size_t size, struct expected *ret)
{
    size_t at = 0, end;
    *ret = (struct expected){.count = 0};
    while (at < size) {
        enum slow outcome = reader(format, input + at, size - at, &end);
        ret->broken = outcome == SLOW_BROKEN;
        if (ret->broken)
            return;
        bool lacks = format->kind != RECORDS_FASTA && format->kind != RECORDS_MARKED;
        at = outcome == SLOW_END ? at + end : size + lacks;
        ret->ends[ret->count++] = at;
    }
}

/* How many records from `first` on make the next chunk. */
static size_t chunk_records(const struct chunker_config *config,
                            const struct expected *expected, size_t first)
{
    size_t start = first ? expected->ends[first - 1] : 0, end = first + 1;
    while (end < expected->count &&
           (config->records ? end - first < config->records
                            : expected->ends[end] - start <= config->block_bytes))
        end++;
    return end - first;
}

/* A worker that is given the chunk alone. */
static void expect_same_records(const struct chunker_config *config,
                                const struct expected *expected, size_t first,
                                struct slice bytes, const char *name)
{
    size_t start = first ? expected->ends[first - 1] : 0;
    size_t count = chunk_records(config, expected, first);
    cr_assert_eq(records_count(&config->format, bytes), count, "%s", name);
    size_t some[] = {0, 1, count / 2, count - 1, count};
    for (size_t n = 0; n < sizeof some / sizeof *some; n++) {
        size_t i = some[n];
        size_t end = i ? expected->ends[first + i - 1] - start : 0;
        cr_assert_eq(records_size(&config->format, bytes, i),
                     end < bytes.size ? end : bytes.size, "%s, record %zu of %zu", name,
                     i, count);
    }
}

/* Feeds random reads until there is a chunk, or what else ends it. */
static enum chunker_outcome next_chunk(struct chunker *chunker, struct slice *input,
                                       unsigned *seed, struct chunk *ret_chunk)
{
    enum chunker_outcome outcome;
    while ((outcome = chunker_take(chunker, ret_chunk)) == CHUNKER_HUNGRY) {
        size_t room, size = 1 + (size_t)rand_r(seed) % 60;
        void *to = chunker_room(chunker, &room);
        size = size < input->size ? size : input->size;
        if (size == 0) {
            chunker_on_end(chunker, false);
            continue;
        }
        memcpy(to, input->data, size);
        chunker_on_bytes(chunker, size);
        input->data += size;
        input->size -= size;
    }
    return outcome;
}

static void expect_chunks(const struct chunker_config *config,
                          const struct expected *expected, struct slice input,
                          unsigned seed, const char *name)
{
    struct chunker *chunker = chunker_new(config);
    struct chunk chunk;
    enum chunker_outcome outcome;
    size_t record = 0, at = 0;
    const uint8_t *bytes = input.data;
    while ((outcome = next_chunk(chunker, &input, &seed, &chunk)) == CHUNKER_CHUNK) {
        cr_assert_lt(record, expected->count, "%s: more chunks than records", name);
        size_t count = chunk_records(config, expected, record);
        cr_assert_eq(chunk.offset, at, "%s", name);
        cr_assert_eq(chunk.first_record, record, "%s", name);
        cr_assert_eq(chunk.records, count, "%s: %zu records, expected %zu", name,
                     (size_t)chunk.records, count);
        cr_assert_eq(memcmp(zmq_msg_data(&chunk.bytes), bytes + at, chunk.length), 0);
        expect_same_records(config, expected, record,
                            (struct slice){bytes + at, chunk.length}, name);
        record += count;
        at += chunk.length;
        cr_assert_eq(at,
                     expected->ends[record - 1] -
                         (input.size == 0 && expected->ends[record - 1] > at),
                     "%s", name);
        zmq_msg_close(&chunk.bytes);
    }
    cr_assert_eq(record, expected->count, "%s: %zu records came, expected %zu", name,
                 record, expected->count);
    cr_assert_eq(outcome, expected->broken ? CHUNKER_BROKEN : CHUNKER_ENDED, "%s",
                 name);
    cr_assert_eq(chunker_record_offset(chunker), at);
    cr_assert_eq(chunker_record(chunker), record);
    chunker_destroy(&chunker);
}

/* ---- inputs ---- */

static size_t fill(uint8_t *input, size_t size, const char *alphabet, unsigned *seed)
{
    for (size_t i = 0; i < size; i++)
        input[i] = alphabet ? (uint8_t)alphabet[(size_t)rand_r(seed) % strlen(alphabet)]
                            : (uint8_t)rand_r(seed);
    return size;
}

/* Mostly right; cut anywhere. */
static size_t fill_fastq(uint8_t *input, size_t size, unsigned *seed)
{
    static const char first[] = "@A+A";
    size_t at = 0;
    for (int line = 0; at + 20 < size; line = (line + 1) % 4) {
        if (line == 0 || line == 2 || rand_r(seed) % 3)
            input[at++] = rand_r(seed) % 300 ? (uint8_t)first[line] : 'x';
        at += fill(input + at, (size_t)rand_r(seed) % 9, "@+ACGT", seed);
        if (rand_r(seed) % 9 == 0)
            input[at++] = '\r';
        input[at++] = '\n';
        if (line == 3 && rand_r(seed) % 60 == 0)
            input[at++] = '\n';
    }
    return rand_r(seed) % 4 ? at : at - at % 7;
}

static size_t fill_frames(uint8_t *input, size_t size, unsigned *seed)
{
    size_t at = 0;
    while (at + 30 < size) {
        uint8_t length = (uint8_t)(rand_r(seed) % 20);
        memcpy(input + at, (uint8_t[]){0, 0, 0, length}, 4);
        at += 4 + fill(input + at + 4, length, NULL, seed);
    }
    return rand_r(seed) % 4 ? at : at - at % 5;
}

struct variety {
    const char *format;
    slow_reader *reader;
    const char *alphabet; /* NULL: any byte */
    size_t (*fill)(uint8_t *input, size_t size, unsigned *seed);
};

#define RARELY                                                                         \
    "................................................................................" \
    "................................................................................"

static const struct variety varieties[] = {
    {"lines=1 end=0a", slow_lines, "ab\n", NULL},
    {"lines=3 end=0a", slow_lines, "ab\n", NULL},
    {"lines=1 end=6161", slow_lines, "ab\n", NULL},
    {"csv", slow_csv, "a\",\n", NULL},
    {"csv", slow_csv, "abcdefgh,\"\n", NULL},
    {"csv", slow_csv, "\"\",\n", NULL},
    {"csv", slow_csv, "aaaaaaaaaaaaaaaa\"\"\"\r\n\n,;|\t", NULL},
    {"csv", slow_csv, NULL, NULL},
    {"fasta", slow_fasta, ">\na", NULL},
    {"fasta", slow_fasta, ">\nabcdef", NULL},
    {"fastq", slow_fastq, NULL, fill_fastq},
    {"fastq", slow_fastq, "\r\n", NULL},
    {"frames", slow_frames, NULL, fill_frames},
    {"fixed=1", slow_fixed, NULL, NULL},
    {"fixed=7", slow_fixed, NULL, NULL},
    {"fixed=64", slow_fixed, NULL, NULL},
    {"whole", slow_whole, NULL, NULL},
    {"start=61", slow_marked, RARELY "a", NULL},
    {"regexp start=612b", slow_regexp, RARELY RARELY RARELY "aaa", NULL},
    {"regexp end=0a2e2a62", slow_regexp, RARELY "\nb", NULL}, /* NL.*b */
    {"start=61", slow_marked, "abcd", NULL},
    {"start=6162", slow_marked, "ab", NULL},
    {"start=6161", slow_marked, "ab", NULL},
    {"start=616261", slow_marked, "ab", NULL},
    {"start=61 end=62", slow_marked, "ab", NULL},
    {"start=61 end=61", slow_marked, "ab", NULL},
    {"start=6162 end=6262", slow_marked, "ab", NULL},
    {"start=3e end=0a", slow_marked, ">a\n", NULL},
    {"regexp start=612b", slow_regexp, "ab\n", NULL},               /* a+ */
    {"regexp start=5e61", slow_regexp, "ab\n", NULL},               /* ^a */
    {"regexp start=283f3c3d0a29612a62", slow_regexp, "ab\n", NULL}, /* (?<=NL)a*b */
    {"regexp start=0a5c4b61", slow_regexp, "ab\n", NULL},           /* NL\Ka */
    {"regexp start=5c6261", slow_regexp, "ab\n ", NULL},            /* \ba */
    {"regexp end=0a2b", slow_regexp, "ab\n", NULL},                 /* NL+ */
    {"regexp end=0a283f2162290a3f", slow_regexp, "ab\n", NULL},     /* NL(?!b)NL? */
    {"regexp end=61242e3f", slow_regexp, "ab\n", NULL},             /* a$.? */
    {"regexp end=612a", slow_regexp, "ab", NULL},                   /* a* */
    {"regexp end=283f3c3d6262297c61", slow_regexp, "ab", NULL},     /* (?<=bb)|a */
    /* (?:ab|a)[^a]*?\w(?:a|$), of which machine code may lose matches */
    {"regexp end=283f3a61627c61295b5e615d2a3f5c77283f3a617c2429", slow_regexp,
     "aaab\r\n ", NULL},
    {"regexp start=5e2861627c24290a", slow_regexp, "ab\n\n\n", NULL}, /* ^(ab|$)NL */
    {"regexp end=0a5e61", slow_regexp, "ab\n", NULL},                 /* NL^a */
    {"regexp end=5c52", slow_regexp, "ab\r\n", NULL},                 /* \R */
    {"regexp start=62 end=612b", slow_regexp, "ab\n", NULL},          /* a+, b */
    {"regexp start=5e612b24 end=0a2b", slow_regexp, "ab\n", NULL},    /* NL+, ^a+$ */
    {"regexp end=2861617c61622b29", slow_regexp, "ab", NULL},         /* (aa|ab+) */
};

enum { VARIETIES = sizeof varieties / sizeof *varieties };

static struct chunker_config random_config(const char *format, unsigned *seed)
{
    struct chunker_config config = {
        .block_bytes = 1 + (size_t)rand_r(seed) % 60,
        .records = rand_r(seed) % 3 ? 0 : 1 + (size_t)rand_r(seed) % 5,
        .max_record_bytes = 1 << 20,
    };
    cr_assert(record_format_parse(slice_of_text(format), &config.format), "%s", format);
    return config;
}

Test(formats, are_cut_and_split_as_a_slow_and_simple_reader_does, .timeout = 120)
{
    static uint8_t input[INPUT_MAX];
    static struct expected expected;
    for (unsigned round = 1; round <= 60u * VARIETIES; round++) {
        const struct variety *variety = &varieties[round % VARIETIES];
        unsigned seed = round;
        char name[200];
        snprintf(name, sizeof name, "%s, round %u", variety->format, round);
        struct chunker_config config = random_config(variety->format, &seed);
        size_t size = (size_t)rand_r(&seed) % (round % 4 ? 500 : INPUT_MAX);
        size = variety->fill ? variety->fill(input, size, &seed)
                             : fill(input, size, variety->alphabet, &seed);
        read_slowly(variety->reader, &config.format, input, size, &expected);
        expect_chunks(&config, &expected, (struct slice){input, size}, seed | 1, name);
    }
}
