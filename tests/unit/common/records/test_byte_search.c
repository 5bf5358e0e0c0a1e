/* SPDX-License-Identifier: MIT */
/* The search agrees with memmem. */
#include "common/records/byte_search.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(byte_search, finds_the_same_as_memmem)
{
    static const char alphabet[] = "aaaaaaaab\n>";
    uint8_t bytes[200], text[6];
    unsigned seed = 5;
    for (int round = 0; round < 200000; round++) {
        size_t size = (size_t)rand_r(&seed) % sizeof bytes;
        size_t text_size = 1 + (size_t)rand_r(&seed) % sizeof text;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)alphabet[(size_t)rand_r(&seed) % strlen(alphabet)];
        for (size_t i = 0; i < text_size; i++)
            text[i] = (uint8_t)alphabet[(size_t)rand_r(&seed) % strlen(alphabet)];
        size_t anchor = byte_search_anchor(text, text_size);
        cr_assert_lt(anchor, text_size);
        cr_assert_eq(byte_search(bytes, size, text, text_size, anchor),
                     memmem(bytes, size, text, text_size), "round %d", round);
        anchor = (size_t)rand_r(&seed) % text_size;
        cr_assert_eq(byte_search(bytes, size, text, text_size, anchor),
                     memmem(bytes, size, text, text_size), "round %d", round);
    }
}

Test(byte_search, looks_for_the_byte_that_is_rare_in_text)
{
    cr_expect_eq(byte_search_anchor((const uint8_t *)"From ", 5), 0);
    cr_expect_eq(byte_search_anchor((const uint8_t *)"\r\n", 2), 0);
    cr_expect_eq(byte_search_anchor((const uint8_t *)"</doc>\n", 7), 5);
    cr_expect_eq(byte_search_anchor((const uint8_t *)"\n>", 2), 1);
    cr_expect_eq(byte_search_anchor((const uint8_t *)"\n\n", 2), 1);
}
