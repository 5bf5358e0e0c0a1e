/* SPDX-License-Identifier: MIT */
#include "ventilator/report/csv_look.h"

#include <criterion/criterion.h>
#include <string.h>

static bool found_in(const char *text)
{
    static struct csv_look look;
    look.wanted = true;
    look.size = 0;
    csv_look_add(&look, slice_of_text(text));
    return csv_look_found(&look);
}

Test(csv_look, finds_records_with_line_ends_within_quotes)
{
    static const char *const torn[] = {
        "id,text\n1,\"one\ntwo\"\n",
        "id;text\n1;\"one\ntwo\"\n2;three\n",
        "a\tb\n\"x\n\"\ty\n",
        "a|b|c\n1|\"\n\n\"|3\n",
        "id,text\r\n1,\"one\r\ntwo\"\r\n",
        "id,text\n1,\"say \"\"a,\nb\"\"\"\n",
        "1,\"a\nb\"\n2,\"c\nd\"\n3,\"is cut o\nff",
        "1,\"a\nb\"\n2,c\n3",
        "\xef\xbb\xbfid,text\n1,\"one\ntwo\"\n",
    };
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++)
        cr_expect(found_in(torn[i]), "%s", torn[i]);
}

Test(csv_look, finds_nothing_in_what_lines_do_not_tear_or_what_is_no_csv)
{
    static const char *const whole[] = {
        "",
        "\n\n",
        "id,text\n1,\"one, two\"\n",
        "a,b\nc,d\n",
        "He said, \"come\nhere\", and left.\nNobody came.\n",
        "\"Come,\" he said,\n\"and look.\"\nNobody came.\n",
        "printf(\"a, b\", c);\nx = \"\\\"\";\n",
        "{\"a\": 1, \"b\": \"x\"}\n{\"a\": 2, \"b\": \"y\"}\n",
        "5\" wide, 3\" high\n6\" wide, 2\" high\n",
        "id,text\n1,\"one\ntwo\",3\n",
        "\"only\none\"\n\"field\"\n",
        "1,\"a\nb\"\n2,\"c\" d\n",
        "1,\"a\nb\"\n2\n3,c\n",
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        cr_expect(!found_in(whole[i]), "%s", whole[i]);
}

Test(csv_look, sees_the_first_bytes_of_all_chunks_alone)
{
    static struct csv_look look;
    csv_look_add(&look, slice_of_text("1,\"a\nb\"\n2,c\n"));
    cr_expect_eq(look.size, 0, "nobody wants it");
    look.wanted = true;
    csv_look_add(&look, slice_of_text("1,\"a\n"));
    csv_look_add(&look, slice_of_text("b\"\n"));
    cr_expect(!csv_look_found(&look), "one record says little");
    for (int i = 0; i < CSV_LOOK_BYTES / 4 + 10; i++)
        csv_look_add(&look, slice_of_text("2,c\n"));
    cr_expect_eq(look.size, CSV_LOOK_BYTES);
    cr_expect(csv_look_found(&look));
}
