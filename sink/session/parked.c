/* SPDX-License-Identifier: MIT */
/* A page's cargo is valid where its bit is set in `in`. `unnamed` is a part of `in`; a
 * page is in the heap if and only if it has such a bit, under the complement of its
 * number: the highest page comes first. */
#include "sink/session/parked.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

/* Far seqs may come in any stride: it is enough to spread them. */
#define HASH_FUNCTION(key, length, hash) \
    ((hash) = (unsigned)((*(key)*UINT64_C(0x9E3779B97F4A7C15)) >> 32))
#define HASH_KEYCMP(a, b, length) (*(const uint64_t *)(a) != *(const uint64_t *)(b))
#define uthash_fatal(text)        abort_out_of_memory()
#include <uthash.h>

enum { PAGE_SEQS = 64 };

struct parked_page {
    uint64_t number; /* seq / PAGE_SEQS */
    uint64_t in;     /* bit i: the seq number * PAGE_SEQS + i is in */
    uint64_t unnamed;
    size_t at; /* in the heap; valid while `unnamed` is not 0 */
    UT_hash_handle hh;
    void *cargo[PAGE_SEQS];
};

void parked_init(struct parked *parked)
{
    *parked = (struct parked){0};
    heap_init(&parked->unnamed);
}

void parked_deinit(struct parked *parked)
{
    struct parked_page *page;
    while ((page = parked->pages) != NULL) {
        HASH_DEL(parked->pages, page);
        free(page);
    }
    heap_deinit(&parked->unnamed);
    parked->recent = NULL;
}

bool parked_is_empty(const struct parked *parked)
{
    return parked->pages == NULL;
}

static uint64_t bit_of(uint64_t seq)
{
    return UINT64_C(1) << (seq % PAGE_SEQS);
}

static struct parked_page *page_find(struct parked *parked, uint64_t seq)
{
    uint64_t number = seq / PAGE_SEQS;
    struct parked_page *page = parked->recent;
    if (page && page->number == number)
        return page;
    page = NULL;
    if (parked->pages)
        HASH_FIND(hh, parked->pages, &number, sizeof number, page);
    if (page)
        parked->recent = page;
    return page;
}

static struct parked_page *page_make(struct parked *parked, uint64_t seq)
{
    struct parked_page *page = page_find(parked, seq);
    if (page)
        return page;
    page = allocate(sizeof *page);
    page->number = seq / PAGE_SEQS;
    page->in = page->unnamed = 0;
    HASH_ADD(hh, parked->pages, number, sizeof page->number, page);
    parked->recent = page;
    return page;
}

bool parked_has(struct parked *parked, uint64_t seq)
{
    const struct parked_page *page = page_find(parked, seq);
    return page && (page->in & bit_of(seq)) != 0;
}

void parked_add(struct parked *parked, uint64_t seq, void *cargo)
{
    struct parked_page *page = page_make(parked, seq);
    assert(!(page->in & bit_of(seq)));
    page->in |= bit_of(seq);
    page->cargo[seq % PAGE_SEQS] = cargo;
    if (!cargo)
        return;
    if (!page->unnamed)
        heap_push(&parked->unnamed, ~page->number, page, &page->at);
    page->unnamed |= bit_of(seq);
}

static void set_named(struct parked *parked, struct parked_page *page, uint64_t bit)
{
    if (!(page->unnamed & bit))
        return;
    page->unnamed &= ~bit;
    if (!page->unnamed)
        heap_remove(&parked->unnamed, page->at);
}

static void *take(struct parked *parked, struct parked_page *page, uint64_t seq)
{
    void *cargo = page->cargo[seq % PAGE_SEQS];
    set_named(parked, page, bit_of(seq));
    page->in &= ~bit_of(seq);
    if (page->in)
        return cargo;
    if (parked->recent == page)
        parked->recent = NULL;
    HASH_DEL(parked->pages, page);
    free(page);
    return cargo;
}

bool parked_take(struct parked *parked, uint64_t seq, void **ret_cargo)
{
    struct parked_page *page = page_find(parked, seq);
    if (!page || !(page->in & bit_of(seq)))
        return false;
    *ret_cargo = take(parked, page, seq);
    return true;
}

/* `bits` is not 0. */
static unsigned lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

static unsigned highest(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

bool parked_take_any(struct parked *parked, void **ret_cargo)
{
    struct parked_page *page = parked->pages;
    if (!page)
        return false;
    *ret_cargo = take(parked, page, page->number * PAGE_SEQS + lowest(page->in));
    return true;
}

void *parked_name_last(struct parked *parked)
{
    if (parked->unnamed.count == 0)
        return NULL;
    struct parked_page *page = parked->unnamed.entries[0].owner;
    unsigned index = highest(page->unnamed);
    set_named(parked, page, UINT64_C(1) << index);
    return page->cargo[index];
}

size_t parked_ranges(const struct parked *parked, struct range *ret_ranges)
{
    size_t count = 0;
    for (struct parked_page *page = parked->pages; page; page = page->hh.next) {
        uint64_t first = page->number * PAGE_SEQS, bits = page->in;
        while (bits) {
            unsigned from = lowest(bits);
            uint64_t row = ~(bits >> from); /* its lowest bit ends the row */
            unsigned length = row ? lowest(row) : PAGE_SEQS;
            ret_ranges[count++] = (struct range){first + from, length};
            if (from + length == PAGE_SEQS)
                break;
            bits &= ~UINT64_C(0) << (from + length);
        }
    }
    return count;
}

size_t parked_ranges_max(const struct parked *parked)
{
    return (size_t)HASH_COUNT(parked->pages) * (PAGE_SEQS / 2);
}
