/* SPDX-License-Identifier: MIT */
/* The names of the message types. */
#include "common/protocol/message.h"

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
