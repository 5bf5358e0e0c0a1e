/* SPDX-License-Identifier: MIT */
/* What tests of programs in exec mode share. */
#ifndef FANFOLD_TESTS_UNIT_WORKER_PROGRAM_EXEC_FIXTURE_H
#define FANFOLD_TESTS_UNIT_WORKER_PROGRAM_EXEC_FIXTURE_H

#include "tests/unit/worker/program/program_fixture.h"

/* Fails the test where it cannot be opened. */
struct program_fixture *opened(uint32_t slots, const char *const *words);
/* One task with a time limit, in slot 0. */
struct note *run_limited(struct program_fixture *fixture, uint32_t limit_ms);
pid_t supervisor_of(pid_t parent);
/* The other end of a pipe that whoever it is holds open is closed within 20 s. */
bool dies(int fd);
/* A worker with a group of its own, as a shell's job; its program says its pid and ends
 * when it may. */
pid_t fork_job(int said, int go, uint32_t limit_ms);

#endif
