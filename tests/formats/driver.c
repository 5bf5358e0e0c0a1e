/* SPDX-License-Identifier: MIT */
/*
 * Cuts many inputs as a script says and tells what came of each, so that a test in
 * another language can check the chunker, and records_count and records_size over every
 * chunk, against an oracle of its own. It knows nothing of what is right.
 *
 * A case, on standard input, is HEAD_FIELDS numbers of 8 bytes in the machine's order,
 * then what they announce: the format's text as in WELCOME, `splits` sizes of reads
 * (taken in turn, again from the first after the last), `blocks` block sizes (one a
 * chunk, the last for all that follow), and the input. The answer is text:
 *
 *     chunk OFFSET LENGTH FIRST RECORDS BLOCK COUNTED FED EARLY   one a chunk
 *     sizes SIZE...                               its records, one taken at a time
 *     first SIZE...                               records_size of 0, 1, 2, half ...
 *     end OUTCOME OFFSET RECORD TEXT
 */
#include "common/memory.h"
#include "common/records/record_format_text.h"
#include "common/records/records.h"
#include "ventilator/source/chunker.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTED_MAX = 4096 }; /* records of a chunk that are taken one at a time */

enum head {
    HEAD_TEXT,
    HEAD_RECORDS,
    HEAD_MAX_RECORD,
    HEAD_JITTER,     /* seed of block sizes that are set and changed again; 0: none */
    HEAD_READS_EACH, /* reads between two tries to take a chunk */
    HEAD_EARLY,      /* seed of when chunks are taken early; 0: never */
    HEAD_CONTINUES,  /* the input follows that of the case before, in its chunker */
    HEAD_OFFSET,
    HEAD_FIRST_RECORD,
    HEAD_SPLITS,
    HEAD_BLOCKS,
    HEAD_INPUT,
    HEAD_FIELDS,
};

struct script {
    uint64_t head[HEAD_FIELDS];
    char *text;
    uint64_t *splits, *blocks;
    uint8_t *input;

    size_t fed;
    uint64_t reads, chunks, block, jitter, early;
};

static void *read_exactly(uint64_t size)
{
    void *bytes = allocate(size ? size : 1);
    if (fread(bytes, 1, size, stdin) != size) {
        fprintf(stderr, "driver: the case is cut short\n");
        exit(2);
    }
    return bytes;
}

static bool read_script(struct script *script)
{
    *script = (struct script){.fed = 0};
    if (fread(script->head, sizeof script->head, 1, stdin) != 1)
        return false;
    script->text = read_exactly(script->head[HEAD_TEXT]);
    script->splits = read_exactly(script->head[HEAD_SPLITS] * sizeof *script->splits);
    script->blocks = read_exactly(script->head[HEAD_BLOCKS] * sizeof *script->blocks);
    script->input = read_exactly(script->head[HEAD_INPUT]);
    script->jitter = script->head[HEAD_JITTER];
    script->early = script->head[HEAD_EARLY];
    return true;
}

static void free_script(struct script *script)
{
    free(script->text);
    free(script->splits);
    free(script->blocks);
    free(script->input);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t block_of(const struct script *script, uint64_t chunk)
{
    uint64_t last = script->head[HEAD_BLOCKS] - 1;
    return script->blocks[chunk < last ? chunk : last];
}

/* One read. False: the input is at its end, and the chunker knows. */
static bool feed(struct script *script, struct chunker *chunker)
{
    size_t left = script->head[HEAD_INPUT] - script->fed, room;
    if (left == 0) {
        chunker_on_end(chunker, false);
        return false;
    }
    size_t size = script->splits[script->reads++ % script->head[HEAD_SPLITS]];
    void *target = chunker_room(chunker, &room);
    if (size > room)
        size = room;
    if (size > left)
        size = left;
    memcpy(target, script->input + script->fed, size);
    chunker_on_bytes(chunker, size);
    script->fed += size;
    return true;
}

/* Takes each of the records by itself, as isolation does. */
static void print_sizes(const struct record_format *format, struct slice bytes,
                        uint64_t count)
{
    printf("sizes");
    for (uint64_t i = 0; i < count && i < COUNTED_MAX; i++) {
        size_t size = records_size(format, bytes, 1);
        printf(" %zu", size);
        bytes.data += size;
        bytes.size -= size;
    }
    printf("\nfirst");
}

static void print_first(const struct record_format *format, struct slice bytes,
                        uint64_t count)
{
    const uint64_t some[] = {0,         1,     2,         count / 2,
                             count - 1, count, count + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        printf(" %zu", records_size(format, bytes, some[i]));
    printf("\n");
}

static void report(struct script *script, const struct record_format *format,
                   struct chunk *chunk, bool early)
{
    uint64_t length = zmq_msg_size(&chunk->bytes);
    uint8_t *copy =
        allocate(length ? length : 1); /* so that no read beyond it is missed */
    memcpy(copy, zmq_msg_data(&chunk->bytes), length);
    struct slice bytes = {copy, length};
    uint64_t counted = records_count(format, bytes);
    uint64_t begin = chunk->offset - script->head[HEAD_OFFSET];
    const uint64_t numbers[] = {
        begin,
        length,
        chunk->first_record - script->head[HEAD_FIRST_RECORD],
        chunk->records,
        script->block,
        counted,
        script->fed,
        early,
    };
    printf("chunk");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        printf(" %" PRIu64, numbers[i]);
    printf("\n");
    if (length != chunk->length || begin > script->fed ||
        length > script->fed - begin ||
        memcmp(copy, script->input + begin, length) != 0)
        printf("other-bytes\n");
    print_sizes(format, bytes, counted);
    print_first(format, bytes, counted);
    free(copy);
    zmq_msg_close(&chunk->bytes);
}

/* The block that the chunk is asked to have; with jitter, after another one. */
static void set_block(struct script *script, struct chunker *chunker)
{
    script->block = block_of(script, script->chunks);
    if (script->jitter)
        chunker_set_block(chunker, next_random(&script->jitter) % 300 + 1);
    chunker_set_block(chunker, script->block);
}

static enum chunker_outcome take_ready(struct script *script, struct chunker *chunker,
                                       const struct record_format *format)
{
    struct chunk chunk;
    enum chunker_outcome outcome;
    set_block(script, chunker);
    while ((outcome = chunker_take(chunker, &chunk)) == CHUNKER_CHUNK) {
        report(script, format, &chunk, false);
        script->chunks++;
        set_block(script, chunker);
    }
    return outcome;
}

static void take_early(struct script *script, struct chunker *chunker,
                       const struct record_format *format)
{
    struct chunk chunk;
    if (script->early == 0 || next_random(&script->early) % 4 > 0 ||
        chunker_take_early(chunker, &chunk) != CHUNKER_CHUNK)
        return;
    report(script, format, &chunk, true);
    script->chunks++;
}

static enum chunker_outcome take_all(struct script *script, struct chunker *chunker,
                                     const struct record_format *format)
{
    for (bool more = true;;) {
        for (uint64_t i = 0; more && i < script->head[HEAD_READS_EACH]; i++)
            more = feed(script, chunker);
        enum chunker_outcome outcome = take_ready(script, chunker, format);
        if (outcome != CHUNKER_HUNGRY || !more)
            return outcome;
        take_early(script, chunker, format);
    }
}

/* Whether the text is known, and is the one that its format has. */
static bool parse_format(struct slice text, struct record_format *ret_format)
{
    char printed[FORMAT_MAX_BYTES + 1];
    if (!record_format_parse(text, ret_format))
        return false;
    record_format_print(ret_format, printed);
    return text.size == 0 ||
           (strlen(printed) == text.size && memcmp(printed, text.data, text.size) == 0);
}

static void run(struct script *script, struct chunker **chunker_p)
{
    static const char *const names[] = {
        [CHUNKER_HUNGRY] = "hungry",
        [CHUNKER_ENDED] = "ended",
        [CHUNKER_TOO_LONG] = "too-long",
        [CHUNKER_BROKEN] = "broken",
    };
    struct slice text = {(const uint8_t *)script->text, script->head[HEAD_TEXT]};
    struct chunker_config config = {
        .block_bytes = block_of(script, 0),
        .records = script->head[HEAD_RECORDS],
        .max_record_bytes = script->head[HEAD_MAX_RECORD],
    };
    if (!parse_format(text, &config.format)) {
        printf("end bad-format 0 0 \n");
        return;
    }
    if (!script->head[HEAD_CONTINUES] || !*chunker_p) {
        chunker_destroy(chunker_p);
        *chunker_p = chunker_new(&config);
    }
    struct chunker *chunker = *chunker_p;
    chunker_start(chunker, script->head[HEAD_OFFSET], script->head[HEAD_FIRST_RECORD],
                  (struct slice){0});
    enum chunker_outcome outcome = take_all(script, chunker, &config.format);
    bool failed = outcome != CHUNKER_ENDED;
    printf("end %s %" PRIu64 " %" PRIu64 " %s\n", names[outcome],
           chunker_record_offset(chunker) - script->head[HEAD_OFFSET],
           chunker_record(chunker) - script->head[HEAD_FIRST_RECORD],
           failed ? chunker_problem(chunker) : "");
    if (failed)
        chunker_destroy(chunker_p);
}

int main(void)
{
    struct script script;
    struct chunker *chunker = NULL;
    while (read_script(&script)) {
        run(&script, &chunker);
        free_script(&script);
    }
    chunker_destroy(&chunker);
    return 0;
}
