/* SPDX-License-Identifier: MIT */
/*
 * How fast a format is cut, and counted again as a worker does: speed FORMAT BLOCK
 * ROUNDS FILE. Copies the file from memory into the chunker, in pieces of a read's size,
 * and prints MB/s (10^6 bytes) of cutting with the copies, MB/s of counting, chunks and
 * records; the best of the rounds.
 */
#include "common/memory.h"
#include "ventilator/chunker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READ_BYTES = 1 << 20 };

struct run {
    const uint8_t *input;
    size_t size;
    struct chunker_config config;
    double cut, counted;
    uint64_t chunks, records;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)ftell(file);
    uint8_t *bytes = allocate(size + 1);
    rewind(file);
    if (fread(bytes, 1, size, file) != size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    *ret_size = size;
    return bytes;
}

static void feed(struct chunker *chunker, struct slice *rest)
{
    size_t room, size = rest->size < READ_BYTES ? rest->size : READ_BYTES;
    void *target = chunker_room(chunker, &room);
    if (size == 0) {
        chunker_on_end(chunker);
        return;
    }
    if (size > room)
        size = room;
    memcpy(target, rest->data, size);
    rest->data += size;
    rest->size -= size;
    chunker_on_bytes(chunker, size);
}

/* Takes what is ready; false: that was all. The time for counting is kept apart. */
static bool take(struct run *run, struct chunker *chunker)
{
    struct chunk chunk;
    enum chunker_outcome outcome;
    while ((outcome = chunker_take(chunker, &chunk)) == CHUNKER_CHUNK) {
        double began = now_s();
        struct slice bytes = {zmq_msg_data(&chunk.bytes), chunk.length};
        run->records += records_count(&run->config.format, bytes);
        run->counted += now_s() - began;
        run->chunks++;
        zmq_msg_close(&chunk.bytes);
    }
    if (outcome == CHUNKER_TOO_LONG || outcome == CHUNKER_BROKEN) {
        fprintf(stderr, "speed: %s\n", chunker_problem(chunker));
        exit(1);
    }
    return outcome == CHUNKER_HUNGRY;
}

static void cut_all(struct run *run)
{
    struct slice rest = {run->input, run->size};
    struct chunker *chunker = chunker_new(&run->config);
    run->counted = 0;
    run->chunks = run->records = 0;
    double began = now_s();
    do
        feed(chunker, &rest);
    while (take(run, chunker));
    run->cut = now_s() - began - run->counted;
    chunker_destroy(&chunker);
}

static double least(double old, double new)
{
    return old == 0 || new < old ? new : old;
}

int main(int argc, char **argv)
{
    struct run run = {.config = {.max_record_bytes = UINT64_MAX}};
    double cut = 0, counted = 0;
    if (argc != 5) {
        fprintf(stderr, "usage: speed FORMAT BLOCK ROUNDS FILE\n");
        return 2;
    }
    struct slice text = {(const uint8_t *)argv[1], strlen(argv[1])};
    run.config.block_bytes = strtoull(argv[2], NULL, 10);
    run.input = read_file(argv[4], &run.size);
    if (!record_format_parse(text, &run.config.format) || run.config.block_bytes == 0) {
        fprintf(stderr, "speed: not a format, or not a block\n");
        return 2;
    }
    for (long rounds = strtol(argv[3], NULL, 10); rounds > 0; rounds--) {
        cut_all(&run);
        cut = least(cut, run.cut);
        counted = least(counted, run.counted);
    }
    printf("%.0f %.0f %llu %llu\n", (double)run.size / 1e6 / cut,
           (double)run.size / 1e6 / counted, (unsigned long long)run.chunks,
           (unsigned long long)run.records);
    return 0;
}
