/* SPDX-License-Identifier: MIT */
/*
 * The run of a chunk in parts, to find its bad records: cuts the parts that the
 * bisection asks for, joins their results, and lists the bad records as RESULT carries
 * them. Pure, but for memory.
 */
#ifndef FANFOLD_WORKER_TASK_PART_RUN_H
#define FANFOLD_WORKER_TASK_PART_RUN_H

#include "common/byte_buffer.h"
#include "common/protocol/message.h"

struct part_run;

/* As WELCOME says. */
struct part_run_config {
    struct slice format; /* of the records */
    uint32_t header_out; /* lines of a result that are a header: of the first part's
                            that is not empty, and cut off the others */
    uint64_t max_result; /* bytes */
};

/* Of an ISOLATE. `input`, its payload, must stay valid while part_run_next says
 * Runs. */
struct part_run *part_run_new(const struct message *message, struct slice input,
                              const struct part_run_config *config);
void part_run_destroy(struct part_run **part_run_p);

enum part_run_state { PART_RUN_RUNS, PART_RUN_DONE, PART_RUN_FAILED };

/* Runs: the part to run next; the same one until part_run_on_done or part_run_on_failed
 * reports its run. */
enum part_run_state part_run_next(struct part_run *part_run, struct slice *ret_input,
                                  uint64_t *ret_records);
void part_run_on_done(struct part_run *part_run, const void *result, size_t size);
void part_run_on_failed(struct part_run *part_run, enum failure cause, uint32_t code,
                        struct slice text);

/* Once it is done, and only once: the result, empty for a probe, is *ret_length bytes,
 * and after them come those of the bad records. *ret_bad is borrowed. */
void part_run_take(struct part_run *part_run, zmq_msg_t *ret_message,
                   uint64_t *ret_length, const struct bad_record **ret_bad,
                   uint32_t *ret_count);
/* Once it has failed; the text is borrowed. */
struct slice part_run_failure(const struct part_run *part_run, enum failure *ret_cause,
                              uint32_t *ret_code);

#endif
