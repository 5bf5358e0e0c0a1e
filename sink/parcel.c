/* SPDX-License-Identifier: MIT */
/*
 * The four places in which a result's bytes may lie: inside the parcel, in a copy of
 * their own, in the (shared) message, in the spill file. They only ever move to the
 * file. Reads and writes no descriptor by itself.
 */
#include "sink/parcel.h"
#include "common/memory.h"
#include "sink/spill.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Bytes kept inside the parcel; so few that spilling them gains nothing. */
    INSIDE_MAX = 512,
    /* Up to here libzmq lets frames share a receive buffer (in_batch_size). */
    COPY_MAX = 8192,
    /* A result that is less than this part of its message is copied out: a parked one
     * pins at most so many times its size. */
    SHARE_PART = 4,
};

enum parcel_place { PARCEL_INSIDE, PARCEL_COPIED, PARCEL_SHARED, PARCEL_SPILLED };

/* What is known of a parcel's dead letters; their texts and names lie behind them. */
struct enclosure {
    size_t bytes; /* of the enclosure */
    uint32_t count;
    struct letter letters[];
};

struct parcel {
    struct store *store;
    uint64_t seq;
    size_t cut;                  /* bytes at the beginning that are for nobody */
    size_t size;                 /* bytes for the output, behind those */
    size_t behind;               /* bytes of dead letters, behind those */
    struct enclosure *enclosure; /* NULL: no letters */
    uint64_t offset;             /* in the message, or in the file */
    enum parcel_place place;
    union {                                /* by place; nothing for PARCEL_SPILLED */
        uint8_t inside[sizeof(zmq_msg_t)]; /* goes on past the end for larger ones */
        uint8_t *copy;
        zmq_msg_t message;
    };
};

struct store {
    struct spill *spill;
    uint64_t memory_bytes;
    uint64_t spilled_bytes;
};

struct store *store_new(const char *directory)
{
    struct store *store = allocate_zeroed(1, sizeof *store);

    store->spill = spill_new(directory);
    return store;
}

void store_destroy(struct store **store_p)
{
    struct store *store = *store_p;

    if (store == NULL)
        return;
    spill_destroy(&store->spill);
    free(store);
    *store_p = NULL;
}

uint64_t store_memory_bytes(const struct store *store)
{
    return store->memory_bytes;
}

uint64_t store_spilled_bytes(const struct store *store)
{
    return store->spilled_bytes;
}

const char *store_directory(const struct store *store)
{
    return spill_directory(store->spill);
}

static uint8_t *inside(struct parcel *parcel)
{
    return (uint8_t *)parcel + offsetof(struct parcel, inside);
}

static struct parcel *parcel_allocate(size_t size)
{
    size_t extra =
        size <= INSIDE_MAX && size > sizeof(zmq_msg_t) ? size - sizeof(zmq_msg_t) : 0;
    return allocate(sizeof(struct parcel) + extra);
}

static enum parcel_place choose_place(size_t size, size_t payload_size)
{
    if (size <= INSIDE_MAX)
        return PARCEL_INSIDE;
    if (size <= COPY_MAX || size < payload_size / SHARE_PART)
        return PARCEL_COPIED;
    return PARCEL_SHARED;
}

/* Bytes that it keeps. */
static size_t whole(const struct parcel *parcel)
{
    return parcel->cut + parcel->size + parcel->behind;
}

static void share(struct parcel *parcel, zmq_msg_t *payload)
{
    int result;

    zmq_msg_init(&parcel->message);
    if (whole(parcel) == zmq_msg_size(payload))
        result = zmq_msg_move(&parcel->message, payload);
    else
        result = zmq_msg_copy(&parcel->message, payload);
    assert(result == 0);
}

struct parcel *parcel_new(struct store *store, uint64_t seq, zmq_msg_t *payload,
                          size_t offset, size_t length)
{
    struct parcel *parcel = parcel_allocate(length);
    const uint8_t *data = (const uint8_t *)zmq_msg_data(payload) + offset;

    parcel->store = store;
    parcel->seq = seq;
    parcel->cut = 0;
    parcel->size = length;
    parcel->behind = 0;
    parcel->enclosure = NULL;
    parcel->offset = offset;
    parcel->place = choose_place(length, zmq_msg_size(payload));
    if (parcel->place == PARCEL_INSIDE) {
        if (length > 0)
            memcpy(inside(parcel), data, length);
    } else if (parcel->place == PARCEL_COPIED) {
        parcel->copy = allocate(length);
        memcpy(parcel->copy, data, length);
    } else {
        share(parcel, payload);
    }
    store->memory_bytes += sizeof *parcel + length;
    return parcel;
}

/* Copies the slice's bytes to `to`, where they are from now on. Returns what is behind
 * them. */
static uint8_t *move_to(uint8_t *to, struct slice *slice)
{
    if (slice->size > 0)
        memcpy(to, slice->data, slice->size);
    slice->data = to;
    return to + slice->size;
}

static struct enclosure *enclose(const struct letter *letters, uint32_t count)
{
    size_t bytes = sizeof(struct enclosure) + count * sizeof *letters;
    size_t head = bytes;
    for (uint32_t i = 0; i < count; i++)
        bytes += letters[i].text.size + letters[i].input.size;
    struct enclosure *enclosure = allocate(bytes);
    enclosure->bytes = bytes;
    enclosure->count = count;
    uint8_t *to = (uint8_t *)enclosure + head;
    for (uint32_t i = 0; i < count; i++) {
        struct letter *letter = &enclosure->letters[i];
        *letter = letters[i];
        to = move_to(to, &letter->text);
        to = move_to(to, &letter->input);
    }
    return enclosure;
}

struct parcel *parcel_new_with_letters(struct store *store, uint64_t seq,
                                       zmq_msg_t *payload, size_t offset, size_t length,
                                       const struct letter *letters, uint32_t count)
{
    struct parcel *parcel = parcel_new(store, seq, payload, offset, length);
    if (count == 0)
        return parcel;
    for (uint32_t i = 0; i < count; i++)
        parcel->behind += letters[i].length;
    assert(parcel->behind <= length);
    parcel->size -= parcel->behind;
    parcel->enclosure = enclose(letters, count);
    store->memory_bytes += parcel->enclosure->bytes;
    return parcel;
}

/* Gives up the bytes that are in memory. */
static void forget_bytes(struct parcel *parcel)
{
    if (parcel->place == PARCEL_COPIED)
        free(parcel->copy);
    else if (parcel->place == PARCEL_SHARED)
        zmq_msg_close(&parcel->message);
}

void parcel_destroy(struct parcel **parcel_p)
{
    struct parcel *parcel = *parcel_p;

    if (parcel == NULL)
        return;
    parcel->store->memory_bytes -= sizeof *parcel;
    if (parcel->place == PARCEL_SPILLED)
        spill_release(parcel->store->spill, parcel->offset, whole(parcel));
    else
        parcel->store->memory_bytes -= whole(parcel);
    if (parcel->enclosure != NULL)
        parcel->store->memory_bytes -= parcel->enclosure->bytes;
    forget_bytes(parcel);
    free(parcel->enclosure);
    free(parcel);
    *parcel_p = NULL;
}

void parcel_drop(void *dropped)
{
    struct parcel *parcel = dropped;

    parcel_destroy(&parcel);
}

uint64_t parcel_seq(const struct parcel *parcel)
{
    return parcel->seq;
}

uint64_t parcel_size(const struct parcel *parcel)
{
    return parcel->size;
}

void parcel_cut(struct parcel *parcel, uint64_t size)
{
    assert(size <= parcel->size);
    parcel->cut += size;
    parcel->size -= size;
}

bool parcel_spillable(const void *candidate)
{
    const struct parcel *parcel = candidate;

    return parcel->place == PARCEL_COPIED || parcel->place == PARCEL_SHARED;
}

int parcel_spill(struct parcel *parcel)
{
    struct slice bytes = parcel_bytes(parcel);
    const uint8_t *first = bytes.data - parcel->cut;
    uint64_t offset;
    int result;

    assert(parcel_spillable(parcel));
    result = spill_write(parcel->store->spill, first, whole(parcel), &offset);
    if (result < 0)
        return result;
    forget_bytes(parcel);
    parcel->place = PARCEL_SPILLED;
    parcel->offset = offset;
    parcel->store->memory_bytes -= whole(parcel);
    parcel->store->spilled_bytes += whole(parcel);
    return 0;
}

bool parcel_spilled(const struct parcel *parcel)
{
    return parcel->place == PARCEL_SPILLED;
}

struct slice parcel_bytes(const struct parcel *const_parcel)
{
    /* zmq_msg_data wants a message that is not const, and leaves it alone. */
    struct parcel *parcel = (struct parcel *)const_parcel;
    const uint8_t *data = NULL;

    assert(parcel->place != PARCEL_SPILLED);
    if (parcel->place == PARCEL_INSIDE)
        data = inside(parcel);
    else if (parcel->place == PARCEL_COPIED)
        data = parcel->copy;
    else
        data = (const uint8_t *)zmq_msg_data(&parcel->message) + parcel->offset;
    return (struct slice){data + parcel->cut, parcel->size};
}

int parcel_read(const struct parcel *parcel, uint64_t from, void *data, size_t size)
{
    assert(parcel->place == PARCEL_SPILLED && from + size <= parcel->size);
    return spill_read(parcel->store->spill, parcel->offset + parcel->cut + from, data,
                      size);
}

const struct letter *parcel_letters(const struct parcel *parcel, uint32_t *ret_count)
{
    *ret_count = parcel->enclosure != NULL ? parcel->enclosure->count : 0;
    return parcel->enclosure != NULL ? parcel->enclosure->letters : NULL;
}

int parcel_read_letters(const struct parcel *parcel, uint64_t from, void *data,
                        size_t size)
{
    assert(from + size <= parcel->behind);
    if (parcel->place == PARCEL_SPILLED)
        return spill_read(parcel->store->spill,
                          parcel->offset + parcel->cut + parcel->size + from, data,
                          size);
    memcpy(data, parcel_bytes(parcel).data + parcel->size + from, size);
    return 0;
}
