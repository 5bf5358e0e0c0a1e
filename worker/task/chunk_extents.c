/* SPDX-License-Identifier: MIT */
#include "worker/task/chunk_extents.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

struct chunk_extents {
    struct chunk_file *file;
    uint64_t length;
    uint32_t count;
    struct reference_piece pieces[];
};

struct chunk_extents *chunk_extents_open(struct slice bytes, struct chunk_files *files)
{
    struct reference reference;
    struct chunk_file *file = reference_read(bytes, &reference)
                                  ? chunk_files_take(files, &reference.file)
                                  : chunk_files_take_none(files);
    if (!file)
        return NULL;
    size_t size = reference.count * sizeof *reference.pieces;
    struct chunk_extents *extents = allocate(sizeof *extents + size);
    *extents = (struct chunk_extents){
        .file = file, .length = reference.length, .count = reference.count};
    memcpy(extents->pieces, reference.pieces, size);
    return extents;
}

void chunk_extents_close(struct chunk_extents **extents_p)
{
    if (!*extents_p)
        return;
    chunk_files_give_back(&(*extents_p)->file);
    free(*extents_p);
    *extents_p = NULL;
}

bool chunk_extents_hold(const struct chunk_extents *extents)
{
    return chunk_file_is_same(extents->file);
}

bool chunk_extents_are_plain(const struct chunk_extents *extents,
                             struct file_extent *ret_extent, struct slice *ret_rest)
{
    const struct reference_piece *first = &extents->pieces[0], *second = first + 1;
    if (first->literal.data || extents->count > 2 ||
        (extents->count == 2 && !second->literal.data))
        return false;
    *ret_extent = (struct file_extent){.fd = extents->file->fd,
                                       .serial = extents->file->serial,
                                       .device = extents->file->is.device,
                                       .inode = extents->file->is.inode,
                                       .offset = first->offset,
                                       .size = first->length};
    *ret_rest = extents->count == 2 ? second->literal : (struct slice){0};
    return true;
}

static bool read_pieces(const struct chunk_extents *extents, uint8_t *end)
{
    for (uint32_t i = 0; i < extents->count; i++) {
        const struct reference_piece *piece = &extents->pieces[i];
        if (piece->literal.data)
            memcpy(end, piece->literal.data, piece->literal.size);
        else if (!chunk_file_read(extents->file, piece->offset, end, piece->length))
            return false;
        end += piece->length;
    }
    return true;
}

bool chunk_extents_read(const struct chunk_extents *extents, zmq_msg_t *ret_bytes)
{
    if (zmq_msg_init_size(ret_bytes, extents->length))
        return false;
    if (read_pieces(extents, zmq_msg_data(ret_bytes)) && chunk_extents_hold(extents))
        return true;
    zmq_msg_close(ret_bytes);
    return false;
}
