/* SPDX-License-Identifier: MIT */
#include "common/parts/part.h"

#include "common/protocol/message.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN "000102030405060708090a0b0c0d0e0f"

static struct part sample(void)
{
    return (struct part){.seq = 7, .path = RUN "/7.2.3", .bytes = 1234, .hash = 0xabc};
}

Test(part, has_the_name_of_its_attempt)
{
    char name[PART_NAME_MAX];
    part_name(7, 2, 3, name);
    cr_expect_str_eq(name, "7.2.3");
    cr_expect(part_name_is_of(name, 7));
    cr_expect_not(part_name_is_of(name, 8));
    part_name(UINT64_MAX, UINT64_MAX, UINT32_MAX, name);
    cr_expect(part_name_is_of(name, UINT64_MAX));
}

Test(part, has_no_other_name)
{
    static const char *const names[] = {"",       "7",         "7.2",     "7.2.3.4",
                                        "7.2.3 ", " 7.2.3",    "7.2.3/x", "../7.2.3",
                                        "7.-2.3", "7.2.3.tmp", "7.2.",    "+7.2.3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_not(part_name_is_of(names[i], 7), "%s", names[i]);
}

Test(part, is_a_line_of_the_manifest)
{
    char line[PART_LINE_MAX];
    struct part part = sample(), again;
    size_t size = part_line(&part, line);
    cr_expect_eq(size, strlen(line));
    cr_expect_str_eq(line, "7 " RUN "/7.2.3 1234 0000000000000abc\n");
    cr_assert(part_line_read((struct slice){(const uint8_t *)line, size - 1}, &again));
    cr_expect_eq(again.seq, 7);
    cr_expect_str_eq(again.path, part.path);
    cr_expect_eq(again.bytes, 1234);
    cr_expect_eq(again.hash, 0xabc);
}

Test(part, without_a_byte_is_a_line_without_a_file)
{
    struct part part;
    cr_assert(part_line_read(slice_of_text("7 - 0 ef46db3751d8e999"), &part));
    cr_expect_str_eq(part.path, "-");
    cr_expect_not(part_line_read(slice_of_text("7 - 5 ef46db3751d8e999"), &part));
    cr_expect_not(
        part_line_read(slice_of_text("7 " RUN "/7.2.3 0 ef46db3751d8e999"), &part));
}

Test(part, is_read_of_no_other_line)
{
    struct part part;
    static const char *const lines[] = {
        "",
        "7",
        "x " RUN "/7.2.3 1234 0000000000000abc",
        "8 " RUN "/7.2.3 1234 0000000000000abc",
        "7 " RUN "/7.2.3 1234",
        "7 " RUN "/7.2.3 1234 0000000000000abc ",
        "7 " RUN "/../x 1234 0000000000000abc",
        "7 " RUN "/7.2.3/x 1234 0000000000000abc",
        "7 /etc/passwd 1234 0000000000000abc",
        "7 00/7.2.3 1234 0000000000000abc",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not(part_line_read(slice_of_text(lines[i]), &part), "%s", lines[i]);
    cr_expect_not(
        part_line_read((struct slice){(const uint8_t *)"7 - 0 0\0", 8}, &part));
}

/* As PROTOCOL.md has it. */
Test(part, is_named_in_a_message)
{
    static const uint8_t expected[] = "\x92\xc4\x05"
                                      "7.2.3"
                                      "\xcd\x0a\xbc";
    char name[PART_NAME_MAX];
    uint8_t packed[PART_MAX];
    uint64_t hash;
    size_t size = part_pack("7.2.3", 0xabc, packed);
    cr_assert_eq(size, sizeof expected - 1);
    cr_assert_arr_eq(packed, expected, size);
    cr_assert(part_unpack((struct slice){packed, size}, name, &hash));
    cr_expect_str_eq(name, "7.2.3");
    cr_expect_eq(hash, 0xabc);
    for (size_t cut = 0; cut < size; cut++)
        cr_expect_not(part_unpack((struct slice){packed, cut}, name, &hash));
    memset(name, '9', PART_NAME_MAX - 1);
    name[PART_NAME_MAX - 1] = '\0';
    size = part_pack(name, UINT64_MAX, packed);
    cr_expect_leq(size, PART_MAX);
}

Test(part, is_written_whole_or_not_at_all)
{
    char top[] = "/dev/shm/part-XXXXXX";
    struct stat status;
    cr_assert(mkdtemp(top));
    int directory = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[PART_NAME_MAX] = "7.2.3", bad[PART_NAME_MAX] = "none/7.2.3";
    for (int i = 0; i < 2; i++) /* the second takes the first one's place */
        cr_assert_eq(part_write(directory, name, slice_of_text("hello")), 0);
    cr_assert_eq(fstatat(directory, name, &status, 0), 0);
    cr_expect_eq(status.st_size, 5);
    cr_expect_eq(fstatat(directory, "7.2.3.tmp", &status, 0), -1);
    cr_expect_eq(part_write(directory, bad, slice_of_text("hello")), -ENOENT);
    unlinkat(directory, name, 0);
    close(directory);
    cr_assert_eq(rmdir(top), 0);
}
