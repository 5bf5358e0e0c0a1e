/* SPDX-License-Identifier: MIT */
/* What tests of programs that run for many tasks share. */
#ifndef FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PERSISTENT_PERSISTENT_FIXTURE_H
#define FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PERSISTENT_PERSISTENT_FIXTURE_H

#include "tests/unit/worker/program/program_fixture.h"

#define PYTHON(text) WORDS("python3", "-u", "-c", text)

/* Fails the test where it cannot be opened. */
struct program_fixture *opened(enum program_mode mode, uint32_t slots,
                               int64_t silence_us, const char *const *words);
struct program_fixture *lines(const char *const *words);
struct program_fixture *frames(const char *link);
/* One task by itself. */
struct note *run(struct program_fixture *fixture, const char *text);
struct note *run_limited(struct program_fixture *fixture, const char *text,
                         uint32_t limit_ms);
/* Starts them all at once, in one slot. */
void start_all(struct program_fixture *fixture, const char *const *texts);
void expect_done(const struct note *note, const char *text);
/* With these words in its text. */
void expect_failed(const struct note *note, enum failure cause, const char *words);
/* Of 8 bytes each; the caller frees it. */
char *many_lines(size_t count);

#endif
