/* SPDX-License-Identifier: MIT */
/* Memory of a known size, which a msgpack packer writes to. */
#ifndef FANFOLD_COMMON_PROTOCOL_MSGPACK_ROOM_H
#define FANFOLD_COMMON_PROTOCOL_MSGPACK_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct msgpack_room {
    uint8_t *to; /* borrowed */
    size_t size; /* bytes that were written */
    size_t capacity;
};

/* For msgpack_packer_init. It aborts where there is no room. */
int msgpack_room_write(void *room, const char *data, size_t size);

#endif
