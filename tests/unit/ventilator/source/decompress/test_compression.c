/* SPDX-License-Identifier: MIT */
/* What an input is, by its first bytes. */
#include "ventilator/source/decompress/compression.h"

#include <criterion/criterion.h>
#include <string.h>

static enum compression of_text(const char *text)
{
    return compression_of((const uint8_t *)text, strlen(text));
}

Test(compression, is_known_by_the_bytes_that_its_format_begins_with)
{
    cr_expect_eq(of_text("\x1f\x8b\x08"), COMPRESSION_GZIP);
    cr_expect_eq(of_text("BZh91AY&SY"), COMPRESSION_BZIP2);
    cr_expect_eq(of_text("BZh1\x17\x72\x45\x38\x50\x90"), COMPRESSION_BZIP2, "empty");
    cr_expect_eq(compression_of((const uint8_t *)"\xfd"
                                                 "7zXZ",
                                6),
                 COMPRESSION_XZ);
    cr_expect_eq(of_text("\x28\xb5\x2f\xfd"), COMPRESSION_ZSTD);
    cr_expect_eq(of_text("\x5a\x2a\x4d\x18"), COMPRESSION_SKIPPABLE);
    cr_expect_eq(of_text("\x02\x21\x4c\x18"), COMPRESSION_LZ4_LEGACY);
    cr_expect_eq(of_text("\x04\x22\x4d\x18"), COMPRESSION_LZ4);
}

Test(compression, is_unknown_as_long_as_more_bytes_could_make_it_one)
{
    const uint8_t bzip2[] = "BZh91AY&SY";
    cr_expect_eq(compression_of(bzip2, 0), COMPRESSION_UNKNOWN);
    for (size_t size = 1; size < COMPRESSION_BYTES_MAX; size++)
        cr_expect_eq(compression_of(bzip2, size), COMPRESSION_UNKNOWN, "%zu", size);
}

Test(compression, is_none_as_soon_as_a_byte_differs)
{
    cr_expect_eq(of_text("a"), COMPRESSION_NONE);
    cr_expect_eq(of_text("BZip"), COMPRESSION_NONE);
    cr_expect_eq(of_text("BZh9 is text"), COMPRESSION_NONE);
    cr_expect_eq(of_text("\x1f\x8c"), COMPRESSION_NONE);
    cr_expect_eq(of_text("\x28\xb5\x2f\xfe"), COMPRESSION_NONE);
}

static enum compression of_whole(const char *text)
{
    return compression_of_all((const uint8_t *)text, strlen(text));
}

Test(compression, is_known_of_an_input_that_is_cut_short_within_its_first_bytes)
{
    cr_expect_eq(of_whole("\x1f\x8b"), COMPRESSION_GZIP);
    cr_expect_eq(of_whole("BZh91AY"), COMPRESSION_BZIP2);
    cr_expect_eq(of_whole("\xfd"
                          "7z"),
                 COMPRESSION_XZ);
    cr_expect_eq(of_whole("\x28\xb5\x2f"), COMPRESSION_ZSTD);
    cr_expect_eq(of_whole("\x04\x22\x4d"), COMPRESSION_LZ4);
    cr_expect_eq(of_whole("\x02\x21\x4c"), COMPRESSION_LZ4_LEGACY);
    cr_expect_eq(of_whole("\x53\x2a\x4d"), COMPRESSION_SKIPPABLE);
}

Test(compression, is_none_of_a_short_text)
{
    static const char *const texts[] = {"", "B", "BZh9", "BZh91A", "\x1f", "\xfd", "("};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(of_whole(texts[i]), COMPRESSION_NONE, "%s", texts[i]);
}
