/* SPDX-License-Identifier: MIT */
/* The example patterns, against grep. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *run_line(const char *line, size_t *ret_size)
{
    FILE *file = popen(line, "r");
    char *data = malloc(64 << 20);
    *ret_size = fread(data, 1, 64 << 20, file);
    pclose(file);
    return data;
}

/* The words of our own sources, one a line, with bytes of every kind between. */
#define SPLIT \
    "cat " SOURCES "/*.c | tr -cs 'A-Za-z_' '[\\n*]' | sed 's/^/\\x80\\xff\\x00/'"

Test(patterns, patterns_finds_what_grep_finds)
{
    char path[] = "/tmp/fanfold-test-XXXXXX", line[1024];
    close(mkstemp(path));
    snprintf(line, sizeof line,
             "cat " SOURCES
             "/*.c | tr -cs 'A-Za-z_' '[\\n*]' | sort -u | awk 'NR %% 7 == 3 "
             "&& length > 3' > %s",
             path);
    cr_assert_eq(system(line), 0);
    size_t size, wanted_size;
    char *text = run_line(SPLIT, &size);
    snprintf(line, sizeof line, SPLIT " | LC_ALL=C grep -a -F -f %s", path);
    char *wanted = run_line(line, &wanted_size);
    struct program_fixture *fixture =
        fixture_open_plugin(1, PATTERNS_PLUGIN, WORDS(PATTERNS_PLUGIN, path));
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    struct note *note = fixture_run(fixture, text, size);
    cr_assert(note && note->kind == NOTE_DONE);
    cr_assert_gt(wanted_size, 1000);
    cr_assert_lt(wanted_size, size / 2);
    cr_assert_eq(note->size, wanted_size);
    cr_assert_eq(memcmp(note->data, wanted, wanted_size), 0);
    fixture_close(&fixture);
    unlink(path);
    free(text);
    free(wanted);
}

Test(patterns, patterns_matches_nothing_without_patterns_and_all_with_an_empty_one)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    struct program_fixture *fixture =
        fixture_open_plugin(1, PATTERNS_PLUGIN, WORDS("x", path));
    cr_assert_eq(fixture_run(fixture, "a\nb\n", 4)->size, 0);
    fixture_close(&fixture);
    cr_assert_eq(write(fd, "zzz\n\n", 5), 5);
    fixture = fixture_open_plugin(1, PATTERNS_PLUGIN, WORDS("x", path));
    cr_assert_eq(fixture_run(fixture, "a\n\nb", 4)->size, 5);
    fixture_close(&fixture);
    close(fd);
    unlink(path);
}
