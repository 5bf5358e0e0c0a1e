/* SPDX-License-Identifier: MIT */
/*
 * What is taken for a reference to a chunk is within its bounds, lies in its file, and
 * survives a round.
 */
#include "fuzz_reference.h"
#include "common/protocol/reference.h"
#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_pieces(const struct reference *reference)
{
    uint64_t length = 0;
    require(reference->count >= 1 && reference->count <= REFERENCE_PIECES_MAX);
    for (uint32_t i = 0; i < reference->count; i++) {
        const struct reference_piece *piece = &reference->pieces[i];
        require(piece->length > 0);
        if (piece->literal.data)
            require(piece->literal.size == piece->length &&
                    piece->length <= REFERENCE_LITERAL_MAX);
        else
            require(piece->offset <= reference->file.size &&
                    piece->length <= reference->file.size - piece->offset);
        length += piece->length;
    }
    require(length == reference->length);
}

/* Of as many bytes, which are the same. */
static bool equal_slices(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_file(struct reference_file a, struct reference_file b)
{
    bool equal = equal_slices(a.path, b.path) && !a.path.data == !b.path.data;
    a.path = b.path = (struct slice){0};
    return equal && memcmp(&a, &b, sizeof a) == 0;
}

static bool same(const struct reference *a, const struct reference *b)
{
    bool equal = same_file(a->file, b->file) && a->length == b->length &&
                 a->count == b->count;
    for (uint32_t i = 0; i < a->count && equal; i++) {
        const struct reference_piece *one = &a->pieces[i], *other = &b->pieces[i];
        equal = one->offset == other->offset && one->length == other->length &&
                !one->literal.data == !other->literal.data &&
                (!one->literal.data ||
                 memcmp(one->literal.data, other->literal.data, one->length) == 0);
    }
    return equal;
}

bool drive_reference(const uint8_t *data, size_t size)
{
    static uint8_t bytes[REFERENCE_BYTES_MAX];
    struct reference reference, again;
    if (!reference_read((struct slice){data, size}, &reference))
        return false;
    check_pieces(&reference);
    require(reference.file.path.size <= REFERENCE_PATH_MAX);
    size_t used = reference_write(&reference, bytes);
    require(reference_read((struct slice){bytes, used}, &again));
    require(same(&reference, &again));
    return true;
}

#ifdef FANFOLD_FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drive_reference(data, size);
    return 0;
}
#endif
