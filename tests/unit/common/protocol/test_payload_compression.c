/* SPDX-License-Identifier: MIT */
#include "common/protocol/payload_compression.h"
#include <criterion/criterion.h>

Test(payload_compression, is_named_as_people_name_it_and_in_no_other_way)
{
    static const char *const bad[] = {"",     "ZSTD",          "zstd ",
                                      "gzip", "compress-zstd", "l"};
    enum payload_compression compression = PAYLOAD_PLAIN;
    cr_assert(payload_compression_parse("lz4", &compression));
    cr_assert_eq(compression, PAYLOAD_LZ4);
    cr_assert(payload_compression_parse("zstd", &compression));
    cr_assert_eq(compression, PAYLOAD_ZSTD);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(payload_compression_parse(bad[i], &compression), "%s", bad[i]);
    cr_assert_eq(compression, PAYLOAD_ZSTD);
}

Test(payload_compression, of_capabilities_takes_only_those_that_it_knows)
{
    const struct capability some[] = {{slice_of_text("isolate")},
                                      {slice_of_text("compress-lz4")},
                                      {slice_of_text("compress-lz4-more")},
                                      {slice_of_text("compress-zst")}};
    unsigned named = payload_compressions_named(some, 4);
    cr_assert(payload_compression_in(named, PAYLOAD_LZ4));
    cr_assert_not(payload_compression_in(named, PAYLOAD_ZSTD));
    cr_assert_not(payload_compression_in(named, PAYLOAD_PLAIN));
    cr_assert_eq(payload_compression_first(named), PAYLOAD_LZ4);
    cr_assert_eq(payload_compressions_named(NULL, 0), 0);
    cr_assert_eq(payload_compression_first(0), PAYLOAD_PLAIN);
}

Test(payload_compression, names_all_in_a_hello)
{
    struct capability all[1 + PAYLOAD_COMPRESSION_MAX] = {{slice_of_text("isolate")}};
    uint32_t count = payload_compression_add_all(all, 1);
    unsigned named = payload_compressions_named(all, count);
    cr_assert_eq(count, 1 + PAYLOAD_COMPRESSION_MAX);
    cr_assert(payload_compression_in(named, PAYLOAD_ZSTD));
    cr_assert(payload_compression_in(named, PAYLOAD_LZ4));
    cr_assert_eq(payload_compression_first(named), PAYLOAD_ZSTD);
}
