/* SPDX-License-Identifier: MIT */
#include "common/heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ENTRIES = 500 };

struct owner {
    uint64_t key;
    size_t at;
};

static struct owner owners[ENTRIES];
static struct heap heap;

static void push_all(unsigned seed)
{
    heap_init(&heap);
    for (int i = 0; i < ENTRIES; i++) {
        owners[i].key = (uint64_t)rand_r(&seed) % 100;
        heap_push(&heap, owners[i].key, &owners[i], &owners[i].at);
    }
}

static void expect_owners_know_their_places(void)
{
    for (size_t i = 0; i < heap.count; i++) {
        const struct owner *owner = heap.entries[i].owner;
        cr_assert_eq(owner->at, i);
        cr_assert_eq(owner->key, heap.entries[i].key);
    }
}

static void expect_pops_ascend(void)
{
    uint64_t last = 0;
    while (heap.count > 0) {
        struct heap_entry entry = heap_pop(&heap);
        cr_assert_geq(entry.key, last);
        last = entry.key;
        expect_owners_know_their_places();
    }
    heap_deinit(&heap);
}

Test(heap, gives_the_lowest_key_first)
{
    for (unsigned seed = 1; seed < 10; seed++) {
        push_all(seed);
        expect_owners_know_their_places();
        expect_pops_ascend();
    }
}

Test(heap, lets_any_entry_leave)
{
    for (unsigned seed = 1; seed < 10; seed++) {
        push_all(seed);
        for (int i = 0; i < ENTRIES; i += 3) {
            size_t before = heap.count;
            heap_remove(&heap, owners[i].at);
            cr_assert_eq(heap.count, before - 1);
            for (size_t j = 0; j < heap.count; j++)
                cr_assert_neq(heap.entries[j].owner, &owners[i]);
        }
        expect_owners_know_their_places();
        expect_pops_ascend();
    }
}

Test(heap, takes_an_entry_whose_index_nobody_needs)
{
    heap_init(&heap);
    heap_push(&heap, 2, NULL, NULL);
    heap_push(&heap, 1, NULL, NULL);
    cr_assert_eq(heap_pop(&heap).key, 1);
    cr_assert_eq(heap_pop(&heap).key, 2);
    heap_deinit(&heap);
}
