/* SPDX-License-Identifier: MIT */
/* The names of the message types, and of capabilities. */
#include "common/protocol/message.h"

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

bool capability_is_named(const struct capability *capabilities, uint32_t count,
                         const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        struct slice said = capabilities[i].name;
        if (said.size == strlen(name) && memcmp(said.data, name, said.size) == 0)
            return true;
    }
    return false;
}
