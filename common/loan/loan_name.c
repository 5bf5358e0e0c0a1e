/* SPDX-License-Identifier: MIT */
#include "common/loan/loan_name.h"

#include "common/protocol/msgpack_reader.h"
#include "common/protocol/msgpack_room.h"
#include <msgpack/pack.h>

size_t loan_name_pack(const struct loan_name *name, uint8_t to[LOAN_NAME_MAX])
{
    struct msgpack_room room = {.to = to, .capacity = LOAN_NAME_MAX};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &room, msgpack_room_write);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_uint64(&packer, name->fd);
    msgpack_pack_uint64(&packer, name->inode);
    msgpack_pack_uint64(&packer, name->number);
    return room.size;
}

static bool read_number(struct msgpack_reader *reader, uint64_t *ret)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_NUMBER)
        return false;
    *ret = token.number;
    return true;
}

bool loan_name_unpack(struct slice packed, struct loan_name *ret_name)
{
    struct msgpack_reader reader = {.data = packed.data, .size = packed.size};
    struct token token;
    return msgpack_read(&reader, &token) == TOKEN_ARRAY && token.number == 3 &&
           read_number(&reader, &ret_name->fd) &&
           read_number(&reader, &ret_name->inode) &&
           read_number(&reader, &ret_name->number) && token_bytes_left(&reader) == 0;
}
