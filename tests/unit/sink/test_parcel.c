/* SPDX-License-Identifier: MIT */
#include "sink/parcel.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void fill_payload(zmq_msg_t *payload, size_t size)
{
    zmq_msg_init_size(payload, size);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)zmq_msg_data(payload))[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void expect_bytes(const uint8_t *data, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(data[i], (uint8_t)((from + i) * 31 + ((from + i) >> 8)));
}

/* Cuts one payload as a batch, of sizes around every border between the places. */
Test(parcel, keeps_its_bytes_when_the_message_is_gone)
{
    static const size_t sizes[] = {0, 1, 64, 65, 512, 513, 8192, 8193, 30000, 100000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct store *store = store_new("/tmp");
    struct parcel *parcels[COUNT];
    size_t offset = 0, total = 0;
    zmq_msg_t payload;

    for (int i = 0; i < COUNT; i++)
        total += sizes[i];
    fill_payload(&payload, total);
    for (int i = 0; i < COUNT; i++) {
        parcels[i] = parcel_new(store, (uint64_t)i, &payload, offset, sizes[i]);
        offset += sizes[i];
    }
    zmq_msg_close(&payload);
    offset = 0;
    for (int i = 0; i < COUNT; i++) {
        struct slice bytes = parcel_bytes(parcels[i]);

        cr_assert_eq(bytes.size, sizes[i]);
        cr_assert_eq(parcel_seq(parcels[i]), (uint64_t)i);
        expect_bytes(bytes.data, offset, bytes.size);
        offset += sizes[i];
        parcel_destroy(&parcels[i]);
        cr_assert_null(parcels[i]);
    }
    cr_assert_eq(store_memory_bytes(store), 0);
    store_destroy(&store);
}

Test(parcel, moves_a_payload_that_is_all_its_own)
{
    struct store *store = store_new("/tmp");
    struct parcel *parcel;
    zmq_msg_t payload;
    void *data;

    fill_payload(&payload, 1 << 20);
    data = zmq_msg_data(&payload);
    parcel = parcel_new(store, 0, &payload, 0, 1 << 20);
    cr_assert_eq(parcel_bytes(parcel).data, data, "not copied");
    cr_assert_eq(zmq_msg_size(&payload), 0);
    parcel_destroy(&parcel);
    zmq_msg_close(&payload);
    store_destroy(&store);
}

Test(parcel, gives_its_memory_back_when_spilled_and_reads_from_the_file)
{
    struct store *store = store_new("/tmp");
    struct parcel *large, *small;
    uint8_t bytes[5000];
    zmq_msg_t payload;

    fill_payload(&payload, 200000);
    small = parcel_new(store, 1, &payload, 0, 100);
    large = parcel_new(store, 2, &payload, 0, 200000);
    cr_assert_gt(store_memory_bytes(store), 200100);
    cr_assert_not(parcel_spillable(small), "it would gain nothing");
    cr_assert(parcel_spillable(large));
    cr_assert_eq(parcel_spill(large), 0);
    cr_assert_not(parcel_spillable(large));
    cr_assert(parcel_spilled(large));
    cr_assert_lt(store_memory_bytes(store), 1000);
    cr_assert_eq(store_spilled_bytes(store), 200000);
    cr_assert_eq(parcel_read(large, 150000, bytes, sizeof bytes), 0);
    expect_bytes(bytes, 150000, sizeof bytes);
    parcel_destroy(&large);
    parcel_drop(small);
    cr_assert_eq(store_memory_bytes(store), 0);
    zmq_msg_close(&payload);
    store_destroy(&store);
}

Test(parcel, stays_in_memory_when_it_cannot_be_spilled)
{
    struct store *store = store_new("/nonexistent");
    struct parcel *parcel;
    zmq_msg_t payload;
    uint64_t before;

    fill_payload(&payload, 20000);
    parcel = parcel_new(store, 1, &payload, 0, 20000);
    before = store_memory_bytes(store);
    cr_assert_lt(parcel_spill(parcel), 0);
    cr_assert_eq(store_memory_bytes(store), before);
    expect_bytes(parcel_bytes(parcel).data, 0, 20000);
    parcel_destroy(&parcel);
    zmq_msg_close(&payload);
    store_destroy(&store);
}
