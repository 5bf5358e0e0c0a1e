/* SPDX-License-Identifier: MIT */
/*
 * A result's bytes lie in one of four places: inside the result, in a copy of their
 * own, in the (shared) message, or in the spill file. They only ever move to the file.
 * Reads and writes no descriptor by itself.
 */
#include "sink/result/result.h"
#include "common/memory.h"
#include "sink/result/spill.h"
#include "sink/result/spill_segments.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Bytes kept inside the result; so few that spilling them gains nothing. */
    INSIDE_MAX = 64,
    /* What a result takes at most without its bytes: some 180 while it is parked, with
     * its entries in the session and what malloc adds, and as much again and more once
     * all that waited goes out at once, for its place in each queue. */
    RESULT_COST = 448,
    /* Up to here libzmq lets frames share a receive buffer (in_batch_size). */
    COPY_MAX = 8192,
    /* Up to here a spilled result shares a segment with others. */
    SMALL_MAX = 8192,
    /* A result that is less than this part of its message is copied out: a parked one
     * pins at most so many times its size. */
    SHARE_PART = 4,
};

enum result_place { RESULT_INSIDE, RESULT_COPIED, RESULT_SHARED, RESULT_SPILLED };

/* A result's dead letters but for their bytes. Texts and names lie behind them. */
struct enclosure {
    size_t bytes; /* of the enclosure */
    uint32_t count;
    struct dead_letter dead_letters[];
};

struct result {
    struct result_memory *memory;
    uint64_t seq;
    size_t cut;                  /* bytes at the beginning that nobody needs */
    size_t size;                 /* bytes for the output, behind those */
    size_t behind;               /* bytes of dead letters, behind those */
    struct enclosure *enclosure; /* NULL: no dead letters */
    uint64_t offset;             /* in the message, the segment or the file */
    enum result_place place;
    union { /* by place, and allocated only as far as that one needs it */
        uint8_t inside[INSIDE_MAX];
        uint8_t *copy;
        zmq_msg_t message;
        struct spill_segment *segment; /* NULL: not small, an extent of its own */
    };
};

static_assert(sizeof(struct result) <= RESULT_COST, "a result costs more than is said");

struct result_memory {
    struct spill *spill;
    struct spill_segments *segments;
    uint64_t memory_bytes;
    uint64_t spilled_bytes;
};

struct result_memory *result_memory_new(const char *directory)
{
    struct result_memory *memory = allocate_zeroed(1, sizeof *memory);
    memory->spill = spill_new(directory);
    memory->segments = spill_segments_new(memory->spill);
    return memory;
}

void result_memory_destroy(struct result_memory **result_memory_p)
{
    struct result_memory *memory = *result_memory_p;
    if (!memory)
        return;
    spill_segments_destroy(&memory->segments);
    spill_destroy(&memory->spill);
    free(memory);
    *result_memory_p = NULL;
}

uint64_t result_memory_bytes(const struct result_memory *memory)
{
    return memory->memory_bytes;
}

uint64_t result_memory_spilled_bytes(const struct result_memory *memory)
{
    return memory->spilled_bytes;
}

const char *result_memory_directory(const struct result_memory *memory)
{
    return spill_directory(memory->spill);
}

static struct result *result_allocate(enum result_place place, size_t size)
{
    size_t own = sizeof(zmq_msg_t);
    if (place == RESULT_COPIED)
        own = sizeof(uint8_t *);
    else if (place == RESULT_INSIDE) /* which may become a copy */
        own = size > sizeof(uint8_t *) ? size : sizeof(uint8_t *);
    return allocate(offsetof(struct result, inside) + own);
}

static enum result_place choose_place(size_t size, size_t payload_size)
{
    if (size <= INSIDE_MAX)
        return RESULT_INSIDE;
    if (size <= COPY_MAX || size < payload_size / SHARE_PART)
        return RESULT_COPIED;
    return RESULT_SHARED;
}

/* Bytes that the result keeps. */
static size_t whole(const struct result *result)
{
    return result->cut + result->size + result->behind;
}

static void share(struct result *result, zmq_msg_t *payload)
{
    int error;
    zmq_msg_init(&result->message);
    if (whole(result) == zmq_msg_size(payload))
        error = zmq_msg_move(&result->message, payload);
    else
        error = zmq_msg_copy(&result->message, payload);
    assert(error == 0);
}

struct result *result_new(struct result_memory *memory, uint64_t seq,
                          zmq_msg_t *payload, size_t offset, size_t length)
{
    enum result_place place = choose_place(length, zmq_msg_size(payload));
    struct result *result = result_allocate(place, length);
    const uint8_t *data = (const uint8_t *)zmq_msg_data(payload) + offset;
    result->memory = memory;
    result->seq = seq;
    result->cut = 0;
    result->size = length;
    result->behind = 0;
    result->enclosure = NULL;
    result->offset = offset;
    result->place = place;
    if (result->place == RESULT_INSIDE) {
        if (length > 0)
            memcpy(result->inside, data, length);
    } else if (result->place == RESULT_COPIED) {
        result->copy = allocate(length);
        memcpy(result->copy, data, length);
    } else {
        share(result, payload);
    }
    memory->memory_bytes += RESULT_COST + length;
    return result;
}

/* Copies the slice's bytes to `to`, and lets the slice point there. Returns the end of
 * the copy. */
static uint8_t *move_to(uint8_t *to, struct slice *slice)
{
    if (slice->size > 0)
        memcpy(to, slice->data, slice->size);
    slice->data = to;
    return to + slice->size;
}

static struct enclosure *enclose(const struct dead_letter *dead_letters, uint32_t count)
{
    size_t bytes = sizeof(struct enclosure) + count * sizeof *dead_letters;
    size_t head = bytes;
    for (uint32_t i = 0; i < count; i++)
        bytes += dead_letters[i].text.size + dead_letters[i].input.size;
    struct enclosure *enclosure = allocate(bytes);
    enclosure->bytes = bytes;
    enclosure->count = count;
    uint8_t *to = (uint8_t *)enclosure + head;
    for (uint32_t i = 0; i < count; i++) {
        struct dead_letter *dead_letter = &enclosure->dead_letters[i];
        *dead_letter = dead_letters[i];
        to = move_to(to, &dead_letter->text);
        to = move_to(to, &dead_letter->input);
    }
    return enclosure;
}

struct result *result_new_with_dead_letters(struct result_memory *memory, uint64_t seq,
                                            zmq_msg_t *payload, size_t offset,
                                            size_t length,
                                            const struct dead_letter *dead_letters,
                                            uint32_t count)
{
    struct result *result = result_new(memory, seq, payload, offset, length);
    if (count == 0)
        return result;
    for (uint32_t i = 0; i < count; i++)
        result->behind += dead_letters[i].length;
    assert(result->behind <= length);
    result->size -= result->behind;
    result->enclosure = enclose(dead_letters, count);
    memory->memory_bytes += result->enclosure->bytes;
    return result;
}

/* Frees the bytes that are in memory. */
static void forget_bytes(struct result *result)
{
    if (result->place == RESULT_COPIED)
        free(result->copy);
    else if (result->place == RESULT_SHARED)
        zmq_msg_close(&result->message);
}

/* Gives back what the bytes take in the file. */
static void release_spilled(struct result *result)
{
    if (result->segment)
        spill_segments_release(result->memory->segments, result->segment,
                               whole(result));
    else
        spill_release(result->memory->spill, result->offset, whole(result));
}

/* Gives back what the bytes take, wherever they are. */
static void release_bytes(struct result *result)
{
    if (result->place == RESULT_SPILLED)
        release_spilled(result);
    else
        result->memory->memory_bytes -= whole(result);
    forget_bytes(result);
}

void result_destroy(struct result **result_p)
{
    struct result *result = *result_p;
    if (!result)
        return;
    result->memory->memory_bytes -= RESULT_COST;
    if (result->enclosure)
        result->memory->memory_bytes -= result->enclosure->bytes;
    release_bytes(result);
    free(result->enclosure);
    free(result);
    *result_p = NULL;
}

void result_drop(void *dropped)
{
    struct result *result = dropped;
    result_destroy(&result);
}

uint64_t result_seq(const struct result *result)
{
    return result->seq;
}

uint64_t result_size(const struct result *result)
{
    return result->size;
}

bool result_is_dead_letter(const struct result *result)
{
    return result->enclosure != NULL && result->enclosure->dead_letters[0].whole;
}

void result_describe(struct result *result, const struct id *run)
{
    assert(result_is_dead_letter(result));
    struct dead_letter dead_letter = result->enclosure->dead_letters[0];
    dead_letter.run = *run;
    release_bytes(result);
    result->place = RESULT_COPIED;
    result->copy = (uint8_t *)dead_letter_json(&dead_letter, &result->size);
    result->cut = result->behind = 0;
    result->memory->memory_bytes += result->size;
}

void result_replace(struct result *result, struct slice bytes)
{
    size_t behind = result->behind;
    uint8_t *copy = allocate(bytes.size + behind);
    memcpy(copy, bytes.data, bytes.size);
    if (behind > 0)
        memcpy(copy + bytes.size, result_bytes(result).data + result->size, behind);
    release_bytes(result);
    result->place = RESULT_COPIED;
    result->copy = copy;
    result->cut = 0;
    result->size = bytes.size;
    result->memory->memory_bytes += bytes.size + behind;
}

void result_cut(struct result *result, uint64_t size)
{
    assert(size <= result->size);
    result->cut += size;
    result->size -= size;
}

bool result_spillable(const void *candidate)
{
    const struct result *result = candidate;
    return result->place == RESULT_COPIED || result->place == RESULT_SHARED;
}

int result_spill(struct result *result)
{
    struct result_memory *memory = result->memory;
    struct spill_segment *segment = NULL;
    uint64_t offset;
    assert(result_spillable(result));
    const uint8_t *first = result_bytes(result).data - result->cut;
    int error = whole(result) <= SMALL_MAX
                    ? spill_segments_write(memory->segments, first, whole(result),
                                           &segment, &offset)
                    : spill_write(memory->spill, first, whole(result), &offset);
    if (error < 0)
        return error;
    forget_bytes(result);
    result->place = RESULT_SPILLED;
    result->offset = offset;
    result->segment = segment;
    memory->memory_bytes -= whole(result);
    memory->spilled_bytes += whole(result);
    return 0;
}

/* Reads bytes of a spilled result, those that are cut off counted. 0 or -errno. */
static int read_spilled(const struct result *result, uint64_t from, void *data,
                        size_t size)
{
    if (result->segment)
        return spill_segments_read(result->memory->segments, result->segment,
                                   result->offset + from, data, size);
    return spill_read(result->memory->spill, result->offset + from, data, size);
}

bool result_is_small_and_spilled(const struct result *result)
{
    return result->place == RESULT_SPILLED && result->segment;
}

int result_load(struct result *result)
{
    assert(result_is_small_and_spilled(result));
    uint8_t *copy = allocate(whole(result));
    int error = read_spilled(result, 0, copy, whole(result));
    if (error < 0) {
        free(copy);
        return error;
    }
    release_spilled(result);
    result->place = RESULT_COPIED;
    result->copy = copy;
    result->memory->memory_bytes += whole(result);
    return 0;
}

bool result_spilled(const struct result *result)
{
    return result->place == RESULT_SPILLED;
}

struct slice result_bytes(const struct result *const_result)
{
    /* zmq_msg_data wants a message that is not const, and leaves it alone. */
    struct result *result = (struct result *)const_result;
    const uint8_t *data = NULL;
    assert(result->place != RESULT_SPILLED);
    if (result->place == RESULT_INSIDE)
        data = result->inside;
    else if (result->place == RESULT_COPIED)
        data = result->copy;
    else
        data = (const uint8_t *)zmq_msg_data(&result->message) + result->offset;
    return (struct slice){data + result->cut, result->size};
}

int result_read(const struct result *result, uint64_t from, void *data, size_t size)
{
    assert(result->place == RESULT_SPILLED && from + size <= result->size);
    return read_spilled(result, result->cut + from, data, size);
}

const struct dead_letter *result_dead_letters(const struct result *result,
                                              uint32_t *ret_count)
{
    *ret_count = result->enclosure != NULL ? result->enclosure->count : 0;
    return result->enclosure != NULL ? result->enclosure->dead_letters : NULL;
}

int result_read_dead_letters(const struct result *result, uint64_t from, void *data,
                             size_t size)
{
    assert(from + size <= result->behind);
    if (result->place == RESULT_SPILLED)
        return read_spilled(result, result->cut + result->size + from, data, size);
    memcpy(data, result_bytes(result).data + result->size + from, size);
    return 0;
}
