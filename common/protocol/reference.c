/* SPDX-License-Identifier: MIT */
/* Bounded in both directions: each array's head is believed only as far as the pieces
 * have room, and whatever is skipped ends with the bytes. */
#include "common/protocol/reference.h"

#include "common/protocol/msgpack_reader.h"
#include "common/protocol/msgpack_room.h"
#include <assert.h>
#include <msgpack/pack.h>
#include <string.h>

enum {
    REFERENCE_FIELDS = 3,
    OPENED_FIELDS = 6,
    NAMED_FIELDS = 4,
    EXTENT_FIELDS = 3,
    LITERAL_FIELDS = 2,
    PIECE_EXTENT = 0,
    PIECE_LITERAL = 1,
};

/* ---- writing ---- */

static void write_piece(msgpack_packer *packer, const struct reference_piece *piece)
{
    const struct slice *literal = &piece->literal;
    assert(piece->length > 0);
    if (literal->data) {
        assert(literal->size == piece->length &&
               literal->size <= REFERENCE_LITERAL_MAX);
        msgpack_pack_array(packer, LITERAL_FIELDS);
        msgpack_pack_uint32(packer, PIECE_LITERAL);
        msgpack_pack_bin(packer, literal->size);
        msgpack_pack_bin_body(packer, literal->data, literal->size);
    } else {
        msgpack_pack_array(packer, EXTENT_FIELDS);
        msgpack_pack_uint32(packer, PIECE_EXTENT);
        msgpack_pack_uint64(packer, piece->offset);
        msgpack_pack_uint64(packer, piece->length);
    }
}

static void write_file(msgpack_packer *packer, const struct reference_file *file)
{
    if (file->path.data) {
        assert(file->path.size > 0 && file->path.size <= REFERENCE_PATH_MAX);
        msgpack_pack_array(packer, NAMED_FIELDS);
        msgpack_pack_bin(packer, file->path.size);
        msgpack_pack_bin_body(packer, file->path.data, file->path.size);
    } else {
        msgpack_pack_array(packer, OPENED_FIELDS);
        msgpack_pack_uint32(packer, file->pid);
        msgpack_pack_uint32(packer, file->descriptor);
        msgpack_pack_uint64(packer, file->device);
    }
    msgpack_pack_uint64(packer, file->inode);
    msgpack_pack_uint64(packer, file->size);
    msgpack_pack_uint64(packer, file->mtime_ns);
}

size_t reference_write(const struct reference *reference,
                       uint8_t bytes[REFERENCE_BYTES_MAX])
{
    struct msgpack_room room = {.to = bytes, .capacity = REFERENCE_BYTES_MAX};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &room, msgpack_room_write);
    assert(reference->count >= 1 && reference->count <= REFERENCE_PIECES_MAX);
    msgpack_pack_array(&packer, REFERENCE_FIELDS);
    write_file(&packer, &reference->file);
    msgpack_pack_uint64(&packer, reference->length);
    msgpack_pack_array(&packer, reference->count);
    for (uint32_t i = 0; i < reference->count; i++)
        write_piece(&packer, &reference->pieces[i]);
    return room.size;
}

/* ---- reading ---- */

/* So many values with all that is in them. Each costs a byte, so that no claim makes
 * this take long. */
static bool skip(struct msgpack_reader *reader, uint64_t values)
{
    struct token token;
    for (; values > 0; values--) {
        if (values > token_bytes_left(reader))
            return false;
        enum token_kind kind = msgpack_read(reader, &token);
        if (kind == TOKEN_BROKEN)
            return false;
        if (kind == TOKEN_ARRAY)
            values += token.number;
        else if (kind == TOKEN_MAP)
            values += 2 * token.number;
    }
    return true;
}

/* The head of an array of at least `least` elements; *ret_more: how many more. */
static bool read_array(struct msgpack_reader *reader, uint64_t least,
                       uint64_t *ret_more)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_ARRAY || token.number < least)
        return false;
    *ret_more = token.number - least;
    return true;
}

static bool read_number(struct msgpack_reader *reader, uint64_t most,
                        uint64_t *ret_number)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_NUMBER || token.number > most)
        return false;
    *ret_number = token.number;
    return true;
}

/* What follows the number of the process. */
static bool read_descriptor(struct msgpack_reader *reader, uint64_t pid,
                            struct reference_file *file)
{
    uint64_t descriptor;
    if (pid > INT32_MAX || !read_number(reader, INT32_MAX, &descriptor) ||
        !read_number(reader, UINT64_MAX, &file->device))
        return false;
    file->pid = (uint32_t)pid;
    file->descriptor = (uint32_t)descriptor;
    return true;
}

static bool is_path(const struct token *token)
{
    return token->slice.size > 0 && token->slice.size <= REFERENCE_PATH_MAX &&
           !memchr(token->slice.data, '\0', token->slice.size);
}

/* A path, or the number of a process, is what it begins with. */
static bool read_file(struct msgpack_reader *reader, struct reference_file *file)
{
    uint64_t more;
    struct token first;
    if (!read_array(reader, NAMED_FIELDS, &more))
        return false;
    enum token_kind kind = msgpack_read(reader, &first);
    if (kind == TOKEN_BYTES && is_path(&first)) {
        file->path = first.slice;
    } else if (kind == TOKEN_NUMBER && more >= OPENED_FIELDS - NAMED_FIELDS) {
        more -= OPENED_FIELDS - NAMED_FIELDS;
        if (!read_descriptor(reader, first.number, file))
            return false;
    } else {
        return false;
    }
    return read_number(reader, UINT64_MAX, &file->inode) &&
           read_number(reader, INT64_MAX, &file->size) &&
           read_number(reader, UINT64_MAX, &file->mtime_ns) && skip(reader, more);
}

static bool read_literal(struct msgpack_reader *reader, struct reference_piece *piece)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_BYTES || token.slice.size == 0 ||
        token.slice.size > REFERENCE_LITERAL_MAX)
        return false;
    *piece =
        (struct reference_piece){.length = token.slice.size, .literal = token.slice};
    return true;
}

static bool read_extent(struct msgpack_reader *reader, uint64_t size,
                        struct reference_piece *piece)
{
    *piece = (struct reference_piece){.offset = 0};
    return read_number(reader, size, &piece->offset) &&
           read_number(reader, size - piece->offset, &piece->length) &&
           piece->length > 0;
}

static bool read_piece(struct msgpack_reader *reader, uint64_t size,
                       struct reference_piece *piece)
{
    uint64_t more, kind;
    if (!read_array(reader, LITERAL_FIELDS, &more) ||
        !read_number(reader, PIECE_LITERAL, &kind))
        return false;
    if (kind == PIECE_LITERAL)
        return read_literal(reader, piece) && skip(reader, more);
    return more >= EXTENT_FIELDS - LITERAL_FIELDS && read_extent(reader, size, piece) &&
           skip(reader, more - (EXTENT_FIELDS - LITERAL_FIELDS));
}

/* They are as long together as the chunk is said to be. */
static bool read_pieces(struct msgpack_reader *reader, struct reference *reference)
{
    uint64_t count, length = 0;
    if (!read_array(reader, 0, &count) || count == 0 || count > REFERENCE_PIECES_MAX)
        return false;
    reference->count = (uint32_t)count;
    for (uint32_t i = 0; i < reference->count; i++)
        if (!read_piece(reader, reference->file.size, &reference->pieces[i]) ||
            __builtin_add_overflow(length, reference->pieces[i].length, &length))
            return false;
    return length == reference->length;
}

bool reference_read(struct slice bytes, struct reference *ret_reference)
{
    struct msgpack_reader reader = {.data = bytes.data, .size = bytes.size};
    struct reference reference = {.count = 0};
    uint64_t more;
    if (bytes.size > REFERENCE_BYTES_MAX ||
        !read_array(&reader, REFERENCE_FIELDS, &more) ||
        !read_file(&reader, &reference.file) ||
        !read_number(&reader, INT64_MAX, &reference.length) ||
        !read_pieces(&reader, &reference) || !skip(&reader, more) ||
        token_bytes_left(&reader) > 0)
        return false;
    *ret_reference = reference;
    return true;
}
