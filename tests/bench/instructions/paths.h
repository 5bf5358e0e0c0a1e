/* SPDX-License-Identifier: MIT */
/*
 * The hot paths that are counted: each does `units` units of work, and nothing that
 * depends on time or chance, so that twice the units are twice the instructions.
 */
#ifndef FANFOLD_TESTS_BENCH_INSTRUCTIONS_PATHS_H
#define FANFOLD_TESTS_BENCH_INSTRUCTIONS_PATHS_H

#include <stdint.h>

enum { BATCH = 256 }; /* entries of a message, tasks in flight; divides the units */

void path_chunker(uint64_t units);     /* a MiB of lines, cut into blocks of 256 KiB */
void path_encode_task(uint64_t units); /* an entry of a TASK */
void path_decode_task(uint64_t units); /* likewise; so are those that follow */
void path_encode_result(uint64_t units);
void path_decode_result(uint64_t units);
void path_encode_done(uint64_t units);
void path_decode_done(uint64_t units);
void path_release(uint64_t units); /* a result, from arrival to written, out of order */
void path_session(uint64_t units); /* a task at a worker, from TASK to FORGET */
void path_dispatch(uint64_t units); /* a task at a ventilator with 10 workers, from cut
                                       to committed */

#endif
