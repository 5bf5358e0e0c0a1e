/* SPDX-License-Identifier: MIT */
#include "common/protocol/msgpack_room.h"

#include <assert.h>
#include <string.h>

int msgpack_room_write(void *room_, const char *data, size_t size)
{
    struct msgpack_room *room = room_;
    assert(size <= room->capacity - room->size);
    memcpy(room->to + room->size, data, size);
    room->size += size;
    return 0;
}
