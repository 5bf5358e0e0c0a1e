/* SPDX-License-Identifier: MIT */
/* What tests of plugins share. */
#ifndef FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PLUGIN_PLUGIN_FIXTURE_H
#define FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PLUGIN_PLUGIN_FIXTURE_H

#include "tests/unit/worker/program/program_fixture.h"

/* Fails the test where it cannot be opened. */
struct program_fixture *opened(uint32_t slots, const char *plugin);
void start_text(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                const char *text);
/* Fails the test where there is none. */
struct note *note_of(struct program_fixture *fixture, uint64_t seq);
/* What stderr of this process gets; read after everything that writes is closed. */
int catch_stderr(void);
/* Borrowed until the next call; closes stderr. */
char *caught(int fd);
unsigned occurrences(const char *text, const char *word);

#endif
