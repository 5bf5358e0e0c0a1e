/* SPDX-License-Identifier: MIT */
/*
 * How fast a format's records are cut into chunks, and counted again as a worker does:
 * chunk_speed [MIB [FORMAT...]], MiB/s of each. Input is copied in from memory; the
 * copy alone is the first line.
 */
#include "common/records/record_format_text.h"
#include "common/records/records.h"
#include "ventilator/source/chunker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct subject {
    const char *name;   /* for the command line */
    const char *format; /* NULL: copied and thrown away */
    uint64_t records;   /* a chunk; 0: as a block has room for */
    const char *sample; /* repeated; '~' stands for letters, '#' for many of them */
    size_t many;
};

static const struct subject subjects[] = {
    {"copy", NULL, 0, "~~~~~~~~\n", 0},
    {"lines", "lines=1 end=0a", 0, "~~~~~~~~\n", 0},
    {"lines-N", "lines=1 end=0a", 10000, "~~~~~~~~\n", 0},
    {"lines-short", "lines=1 end=0a", 0, "~\n", 0},
    {"crlf", "lines=1 end=0d0a", 0, "~~~~~~~~\r\n", 0},
    {"blank", "lines=1 end=0a0a", 0, "~~~~~~~~\n\n", 0},
    {"csv", "csv", 0, "~,~,~~,~,~,~~~\n", 0},
    {"csv-quoted", "csv", 0, "\"~\",\"~\n~\",~,\"~\"\"~\",~,\"~~~\"\r\n", 0},
    {"csv-odd", "csv", 0, "~\"~,~'~\",~,~\"~,~,~~~\n", 0},
    {"fasta", "fasta", 0, ">~~\n#\n", 1000},
    {"fasta-long", "fasta", 0, ">~~\n#\n", 4 << 20},
    {"fastq", "fastq", 0, "@~~\n~~~~~~~~~~~~~~~~\n+\n@~~~~~~~~~~~~~~~\n", 0},
    {"frames", "frames", 0, NULL, 0},
    {"fixed", "fixed=64", 0, "~", 0},
    {"recstart", "start=46726f6d20", 0, "From ~~\n#\n", 300},
    {"recstart-rare", "start=46726f6d20", 0, "From ~~\n#\n", 100000},
    {"recend+start", "start=3c646f633e end=3c2f646f633e0a", 0, "<doc>#</doc>\n", 300},
    {"regexp-start", "regexp start=5e46726f6d20", 0, "From ~~\n#\n", 300},
    {"regexp-end", "regexp end=5c6e2b", 0, "~~~~~~~~\n\n", 0},
    {"regexp-date", "regexp start=5e5c647b347d2d5c647b327d2d5c647b327d", 0,
     "2026-11-22 ~~~~~~\n  at ~~~\n  at ~~~~\n", 0},
    {"regexp-rare", "regexp start=5e46726f6d20", 0, "From ~~\n#\n", 100000},
};

static unsigned seed = 1;

static uint8_t *put_letters(uint8_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *to++ = i % 61 == 60 ? '\n' : (uint8_t)('a' + rand_r(&seed) % 26);
    return to;
}

static uint8_t *put_sample(uint8_t *to, const struct subject *subject)
{
    for (const char *at = subject->sample; *at; at++) {
        if (*at == '#')
            to = put_letters(to, subject->many);
        else if (*at == '~')
            to = put_letters(to, 4 + (size_t)rand_r(&seed) % 12);
        else
            *to++ = (uint8_t)*at;
    }
    return to;
}

static uint8_t *put_frame(uint8_t *to)
{
    uint8_t length = (uint8_t)rand_r(&seed);
    memcpy(to, (uint8_t[]){0, 0, 0, length}, 4);
    return put_letters(to + 4, length);
}

/* Some whole samples, at least `size` bytes. */
static uint8_t *make(const struct subject *subject, size_t size, size_t *ret_size)
{
    uint8_t *bytes = malloc(size + subject->many + 4096), *to = bytes;
    if (!bytes)
        abort();
    while ((size_t)(to - bytes) < size)
        to = subject->sample ? put_sample(to, subject) : put_frame(to);
    *ret_size = (size_t)(to - bytes);
    return bytes;
}

/* Of the processor: others may be at work. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct figures {
    double cut, counted; /* seconds */
    uint64_t chunks, records;
};

static bool take(struct chunker *chunker, const struct record_format *format,
                 struct figures *figures)
{
    struct chunk chunk;
    enum chunker_outcome outcome;
    while ((outcome = chunker_take(chunker, &chunk)) == CHUNKER_CHUNK) {
        struct slice bytes = {zmq_msg_data(&chunk.bytes), chunk.length};
        double began = now();
        uint64_t counted = records_count(format, bytes);
        figures->counted += now() - began;
        figures->chunks++;
        figures->records += chunk.records;
        if (counted != chunk.records)
            printf("a chunk of %llu records has %llu\n",
                   (unsigned long long)chunk.records, (unsigned long long)counted);
        zmq_msg_close(&chunk.bytes);
    }
    if (outcome == CHUNKER_BROKEN || outcome == CHUNKER_TOO_LONG)
        printf("%s\n", chunker_problem(chunker));
    return outcome == CHUNKER_HUNGRY;
}

static struct figures cut(const struct chunker_config *config, const uint8_t *bytes,
                          size_t size)
{
    struct figures figures = {.chunks = 0};
    struct chunker *chunker = chunker_new(config);
    double began = now();
    for (size_t done = 0, room; take(chunker, &config->format, &figures);
         done += room) {
        void *to = chunker_room(chunker, &room);
        room = room < 1 << 20 ? room : 1 << 20;
        room = room < size - done ? room : size - done;
        memcpy(to, bytes + done, room);
        if (room)
            chunker_on_bytes(chunker, room);
        else
            chunker_on_end(chunker, false);
    }
    figures.cut = now() - began - figures.counted;
    chunker_destroy(&chunker);
    return figures;
}

static void copy(const uint8_t *bytes, size_t size)
{
    uint8_t *to = malloc(1 << 20);
    double began = now();
    for (size_t done = 0; to && size - done > 1 << 20; done += 1 << 20) {
        memcpy(to, bytes + done, 1 << 20);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    printf("%-14s %8.0f MiB/s\n", "copy", (double)(size >> 20) / (now() - began));
    free(to);
}

static void measure(const struct subject *subject, size_t size)
{
    struct chunker_config config = {.block_bytes = 1 << 20,
                                    .records = subject->records,
                                    .max_record_bytes = 256 << 20};
    uint8_t *bytes = make(subject, size, &size);
    if (!subject->format) {
        copy(bytes, size);
    } else if (!record_format_parse(slice_of_text(subject->format), &config.format)) {
        printf("%s is no format\n", subject->format);
    } else {
        struct figures figures = cut(&config, bytes, size);
        double mib = (double)size / (1 << 20);
        printf(
            "%-14s %8.0f MiB/s cut, %8.0f MiB/s counted; %llu chunks, %llu records\n",
            subject->name, mib / figures.cut, mib / figures.counted,
            (unsigned long long)figures.chunks, (unsigned long long)figures.records);
    }
    free(bytes);
}

static bool is_wanted(const char *name, char **names)
{
    bool wanted = *names == NULL;
    for (; *names; names++)
        wanted |= strcmp(*names, name) == 0;
    return wanted;
}

int main(int argc, char **argv)
{
    size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
    char **names = argv + (argc > 2 ? 2 : argc);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (is_wanted(subjects[i].name, names))
            measure(&subjects[i], mib << 20);
    return 0;
}
