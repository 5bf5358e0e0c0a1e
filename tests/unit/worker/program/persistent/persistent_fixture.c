/* SPDX-License-Identifier: MIT */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program_fixture *opened(enum program_mode mode, uint32_t slots,
                               int64_t silence_us, const char *const *words)
{
    struct program_fixture *fixture =
        fixture_open_persistent(mode, slots, silence_us, words);
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    return fixture;
}

struct program_fixture *lines(const char *const *words)
{
    return opened(PROGRAM_LINES, 1, 0, words);
}

struct program_fixture *frames(const char *link)
{
    return opened(PROGRAM_FRAMES, 1, 0, WORDS(FRAMER, link));
}

struct note *run(struct program_fixture *fixture, const char *text)
{
    struct note *note = fixture_run(fixture, text, strlen(text));
    cr_assert(note, "no answer to '%s'", text);
    return note;
}

struct note *run_limited(struct program_fixture *fixture, const char *text,
                         uint32_t limit_ms)
{
    fixture_start_limited(fixture, 0, fixture->count, text, limit_ms);
    cr_assert(fixture_await(fixture, fixture->count + 1));
    return &fixture->notes[fixture->count - 1];
}

void start_all(struct program_fixture *fixture, const char *const *texts)
{
    for (uint32_t i = 0; texts[i]; i++)
        fixture_start(fixture, 0, i, texts[i], strlen(texts[i]));
}

void expect_done(const struct note *note, const char *text)
{
    cr_assert_eq(note->kind, NOTE_DONE, "%s", note->text);
    cr_assert_eq(note->size, strlen(text), "%zu", note->size);
    cr_assert_str_eq((char *)note->data, text);
}

void expect_failed(const struct note *note, enum failure cause, const char *words)
{
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, cause, "%d: %s", (int)note->cause, note->text);
    cr_assert(strstr(note->text, words), "'%s' is not in '%s'", words, note->text);
}

char *many_lines(size_t count)
{
    char *text = malloc(count * 8 + 1);
    for (size_t i = 0; i < count; i++)
        sprintf(text + i * 8, "%07zu\n", i % 10000000);
    return text;
}
