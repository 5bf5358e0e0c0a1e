/* SPDX-License-Identifier: MIT */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

struct program_fixture *opened(uint32_t slots, const char *plugin)
{
    struct program_fixture *fixture = fixture_open_plugin(slots, plugin, WORDS(plugin));
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    return fixture;
}

void start_text(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                const char *text)
{
    fixture_start(fixture, slot, seq, text, strlen(text));
}

struct note *note_of(struct program_fixture *fixture, uint64_t seq)
{
    for (uint32_t i = 0; i < fixture->count; i++)
        if (fixture->notes[i].seq == seq)
            return &fixture->notes[i];
    cr_assert_fail("nothing was reported of %u", (unsigned)seq);
    return NULL;
}

int catch_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

char *caught(int fd)
{
    static char text[8192];
    fclose(stderr);
    close(STDERR_FILENO);
    size_t size = 0;
    for (ssize_t got; (got = read(fd, text + size, sizeof text - 1 - size)) > 0;)
        size += (size_t)got;
    text[size] = '\0';
    return text;
}

unsigned occurrences(const char *text, const char *word)
{
    unsigned count = 0;
    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}
