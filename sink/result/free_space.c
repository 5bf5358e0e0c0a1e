/* SPDX-License-Identifier: MIT */
/*
 * The gaps are a treap: a search tree by offset, and a heap by random rank, which keeps
 * it flat whatever comes. Each gap knows the largest in its subtree, so that the first
 * that fits is found on one way down.
 */
#include "sink/result/free_space.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

struct gap {
    uint64_t offset, size;
    uint64_t largest; /* size, of this and all below */
    uint64_t rank;    /* no one below has a higher */
    struct gap *left, *right;
};

void free_space_init(struct free_space *space)
{
    *space = (struct free_space){.state = UINT64_C(0x9E3779B97F4A7C15)};
}

/* xorshift64 */
static uint64_t draw(struct free_space *space)
{
    space->state ^= space->state << 13;
    space->state ^= space->state >> 7;
    space->state ^= space->state << 17;
    return space->state;
}

static uint64_t largest_of(const struct gap *gap)
{
    return gap ? gap->largest : 0;
}

static void measure(struct gap *gap)
{
    uint64_t left = largest_of(gap->left), right = largest_of(gap->right);
    uint64_t below = left > right ? left : right;
    gap->largest = gap->size > below ? gap->size : below;
}

/* All of `left` lies before all of `right`. */
static struct gap *merge(struct gap *left, struct gap *right)
{
    if (!left || !right)
        return left ? left : right;
    struct gap *top = left->rank > right->rank ? left : right;
    if (top == left)
        top->right = merge(left->right, right);
    else
        top->left = merge(left, right->left);
    measure(top);
    return top;
}

/* Cuts the tree into what lies before `offset` and the rest. */
static void split(struct gap *gap, uint64_t offset, struct gap **ret_left,
                  struct gap **ret_right)
{
    if (!gap) {
        *ret_left = *ret_right = NULL;
    } else if (gap->offset < offset) {
        split(gap->right, offset, &gap->right, ret_right);
        *ret_left = gap;
        measure(gap);
    } else {
        split(gap->left, offset, ret_left, &gap->left);
        *ret_right = gap;
        measure(gap);
    }
}

void free_space_deinit(struct free_space *space)
{
    struct gap *gap;
    while ((gap = space->gaps) != NULL) {
        space->gaps = merge(gap->left, gap->right);
        free(gap);
    }
}

/* Takes the first or the last gap out of the tree if it begins or ends at `touching`;
 * NULL: it does not. */
static struct gap *take_first(struct gap **tree, uint64_t touching)
{
    struct gap *gap = *tree;
    if (!gap)
        return NULL;
    if (gap->left) {
        gap = take_first(&gap->left, touching);
        measure(*tree);
        return gap;
    }
    if (gap->offset != touching)
        return NULL;
    *tree = gap->right;
    return gap;
}

static struct gap *take_last(struct gap **tree, uint64_t touching)
{
    struct gap *gap = *tree;
    if (!gap)
        return NULL;
    if (gap->right) {
        gap = take_last(&gap->right, touching);
        measure(*tree);
        return gap;
    }
    if (gap->offset + gap->size != touching)
        return NULL;
    *tree = gap->left;
    return gap;
}

/* Takes from the first gap that is large enough; one is. An emptied gap goes to
 * *ret_emptied. */
static uint64_t take_from(struct gap **tree, uint64_t size, struct gap **ret_emptied)
{
    struct gap *gap = *tree;
    uint64_t offset;
    if (largest_of(gap->left) >= size) {
        offset = take_from(&gap->left, size, ret_emptied);
    } else if (gap->size >= size) {
        offset = gap->offset;
        gap->offset += size;
        gap->size -= size;
        if (gap->size == 0) {
            *tree = merge(gap->left, gap->right);
            *ret_emptied = gap;
            return offset;
        }
    } else {
        offset = take_from(&gap->right, size, ret_emptied);
    }
    measure(gap);
    return offset;
}

uint64_t free_space_take(struct free_space *space, uint64_t size)
{
    struct gap *emptied = NULL;
    uint64_t offset = space->end;
    assert(size > 0);
    if (largest_of(space->gaps) < size) {
        space->end += size;
        return offset;
    }
    offset = take_from(&space->gaps, size, &emptied);
    free(emptied);
    return offset;
}

static struct gap *make_gap(struct free_space *space, uint64_t offset, uint64_t size)
{
    struct gap *gap = allocate_zeroed(1, sizeof *gap);
    gap->offset = offset;
    gap->size = gap->largest = size;
    gap->rank = draw(space);
    return gap;
}

void free_space_give(struct free_space *space, uint64_t offset, uint64_t size)
{
    struct gap *before, *behind, *gap = NULL;
    assert(size > 0 && offset + size <= space->end);
    split(space->gaps, offset, &before, &behind);
    struct gap *left = take_last(&before, offset);
    struct gap *right = take_first(&behind, offset + size);
    if (left) {
        offset = left->offset;
        size += left->size;
    }
    if (right)
        size += right->size;
    free(left);
    free(right);
    if (offset + size == space->end)
        space->end = offset;
    else
        gap = make_gap(space, offset, size);
    space->gaps = merge(merge(before, gap), behind);
}
