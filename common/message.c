/* SPDX-License-Identifier: MIT */
/*
 * The names of the message types, and texts and ids as messages have them.
 */
#include "common/message.h"

#include <string.h>

const char *message_type_name(enum message_type type)
{
    switch (type) {
#define X(name, number)  \
    case MESSAGE_##name: \
        return #name;
        MESSAGE_TYPES(X)
#undef X
    }
    return "?";
}

struct slice slice_of_text(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .size = strlen(text)};
}

void slice_copy_text(struct slice slice, char *to, size_t size)
{
    size_t length = slice.size < size - 1 ? slice.size : size - 1;
    if (length)
        memcpy(to, slice.data, length);
    to[length] = '\0';
}

struct slice mark_input(struct slice mark)
{
    if (mark.size == 0 || mark.data[0] >= mark.size)
        return (struct slice){.size = 0};
    return (struct slice){.data = mark.data + 1, .size = mark.data[0]};
}

bool id_equal(const struct id *a, const struct id *b)
{
    return !memcmp(a, b, sizeof *a);
}
