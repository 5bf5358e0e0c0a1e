/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/connector_parser.h"

#include <criterion/criterion.h>
#include <string.h>

static struct connector_parser parser;
static char reason[256];

static void set_up(void)
{
    parser = (struct connector_parser){.max_record_bytes = 100};
}

static void tear_down(void)
{
    connector_parser_deinit(&parser);
}

TestSuite(connector_parser, .init = set_up, .fini = tear_down);

/* Takes all of the text, at most `step` bytes at a time, and lists the records. */
static const char *records_of(const char *text, size_t size, size_t step)
{
    static char list[512];
    size_t at = 0, written = 0, used;
    enum connector_parse outcome = CONNECTOR_MORE;
    *list = '\0';
    while (at < size || outcome == CONNECTOR_RECORD) {
        size_t part = size - at < step ? size - at : step;
        outcome = connector_parser_take(&parser, (const uint8_t *)text + at, part,
                                        &used, reason, sizeof reason);
        at += used;
        if (outcome == CONNECTOR_WRONG)
            return "wrong";
        if (outcome == CONNECTOR_RECORD)
            written +=
                (size_t)snprintf(list + written, sizeof list - written, "[%s]%.*s",
                                 parser.cursor, (int)parser.record.size,
                                 parser.record.data ? (char *)parser.record.data : "");
    }
    return list;
}

Test(connector_parser, finds_records_however_they_are_cut)
{
    static const char text[] = "a 3\nonex-1 0\n- 4\nt\nwo17 1\n3";
    for (size_t step = 1; step < sizeof text; step++) {
        connector_parser_restart(&parser);
        cr_expect_str_eq(records_of(text, strlen(text), step),
                         "[a]one[x-1][]t\nwo[17]3", "%zu at a time", step);
        cr_expect(connector_parser_is_between(&parser));
    }
}

Test(connector_parser, knows_that_something_has_begun)
{
    cr_expect_str_eq(records_of("a", 1, 1), "");
    cr_expect_not(connector_parser_is_between(&parser));
    cr_expect_str_eq(records_of(" 2\nx", 4, 4), "");
    cr_expect_not(connector_parser_is_between(&parser));
    connector_parser_restart(&parser);
    cr_expect(connector_parser_is_between(&parser));
    cr_expect_str_eq(records_of("b 1\ny", 5, 5), "[b]y");
}

Test(connector_parser, refuses_what_is_no_head)
{
    static const char *const wrong[] = {
        "hello\n", "a  3\n", "a 3 \n",   " 3\n",    "a -1\n",
        "a x\n",   "a\t3\n", "\x80 1\n", "a b 3\n", "a 99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        connector_parser_restart(&parser);
        cr_expect_str_eq(records_of(wrong[i], strlen(wrong[i]), 100), "wrong", "%s",
                         wrong[i]);
        cr_expect(strstr(reason, "CURSOR LENGTH"), "%s", reason);
    }
    connector_parser_restart(&parser);
    cr_expect_str_eq(records_of("a\0b 3\n", 6, 6), "wrong");
}

Test(connector_parser, bounds_cursors_and_records)
{
    char text[400];
    memset(text, 'c', sizeof text);
    cr_expect_str_eq(records_of(text, sizeof text, 10), "wrong", "no end of a line");
    connector_parser_restart(&parser);
    strcpy(text + CURSOR_MAX, " 0\n");
    cr_expect_str_neq(records_of(text, CURSOR_MAX + 3, 10), "wrong");
    connector_parser_restart(&parser);
    memset(text, 'c', sizeof text);
    strcpy(text + CURSOR_MAX + 1, " 0\n");
    cr_expect_str_eq(records_of(text, CURSOR_MAX + 4, 10), "wrong");
    connector_parser_restart(&parser);
    cr_expect_str_eq(records_of("a 101\n", 6, 6), "wrong");
    cr_expect(strstr(reason, "101 bytes, longer than --max-record allows, 100"), "%s",
              reason);
}
