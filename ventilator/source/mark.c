/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a mark: 1 byte, the length of the input's name; that name, as mark_input
 * reads it, empty where the run has one input; 1 byte, the form: 4; then five
 * little-endian u64 in the order of the struct's fields.
 */
#include "ventilator/source/mark.h"

#include "common/protocol/message.h"
#include <assert.h>
#include <endian.h>
#include <string.h>

/* Sizes are without the name. */
enum { MARK_FORM = 4, MARK_NUMBERS = 5, MARK_SIZE = 2 + 8 * MARK_NUMBERS };
enum { INPUT_NAME_MAX = CHUNK_MARK_MAX - MARK_SIZE };

static_assert(INPUT_NAME_MAX >= 100, "a mark has room for a name");

/* Keeps the end of a long name, which tells it from others. Returns how many bytes. */
static size_t put_name(const char *name, uint8_t *to)
{
    static const char more[] = "...";
    size_t size = name ? strlen(name) : 0, cut = strlen(more);
    if (size <= INPUT_NAME_MAX) {
        memcpy(to, name ? name : "", size);
        return size;
    }
    memcpy(to, more, cut);
    memcpy(to + cut, name + size - (INPUT_NAME_MAX - cut), INPUT_NAME_MAX - cut);
    return INPUT_NAME_MAX;
}

size_t mark_write(const struct mark *mark, const char *name,
                  uint8_t bytes[CHUNK_MARK_MAX])
{
    uint64_t numbers[MARK_NUMBERS] = {
        htole64(mark->offset),      htole64(mark->record), htole64(mark->hash),
        htole64(mark->hash_before), htole64(mark->input),
    };
    size_t name_size = put_name(name, bytes + 1);
    uint8_t *own = bytes + 1 + name_size;
    bytes[0] = (uint8_t)name_size;
    own[0] = MARK_FORM;
    memcpy(own + 1, numbers, sizeof numbers);
    return MARK_SIZE + name_size;
}

bool mark_read(struct slice bytes, struct mark *ret_mark)
{
    uint64_t numbers[MARK_NUMBERS];
    if (bytes.size == 0)
        return false;
    size_t name_size = bytes.data[0];
    const uint8_t *own = bytes.data + 1 + name_size;
    if (bytes.size != MARK_SIZE + name_size || own[0] != MARK_FORM)
        return false;
    memcpy(numbers, own + 1, sizeof numbers);
    *ret_mark = (struct mark){.offset = le64toh(numbers[0]),
                              .record = le64toh(numbers[1]),
                              .hash = le64toh(numbers[2]),
                              .hash_before = le64toh(numbers[3]),
                              .input = le64toh(numbers[4])};
    return true;
}
