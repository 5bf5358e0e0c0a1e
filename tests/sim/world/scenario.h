/* SPDX-License-Identifier: MIT */
/*
 * What one seed draws: the shape of the run, and which faults may come. Each field is a
 * number with a name, so that a person, and the shrinker, can set each by itself:
 * `--with workers=1,kill=0`.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_SCENARIO_H
#define FANFOLD_TESTS_SIM_WORLD_SCENARIO_H

#include "random.h"
#include <stdio.h>

/* X(NAME, option, what a person reads) */
#define FAULTS(X)                                   \
    X(KILL, kill, "kills")                          \
    X(MANY, kill_many, "kills of several at once")  \
    X(STOP, stop, "stops")                          \
    X(BREAK, breaks, "broken connections")          \
    X(PART, partitions, "partitions")               \
    X(STALL, stall, "stalls")                       \
    X(LEAVE, leave, "workers that leave")           \
    X(POWER, power, "power cuts")                   \
    X(CRASH, crashes, "slots that crash")           \
    X(FAIL, fails, "tasks that fail")               \
    X(HANG, hanging, "runs that hang")              \
    X(KILLER, killing, "workers that tasks killed") \
    X(INTERRUPT, signals, "interrupts")             \
    X(INPUT, inputs, "inputs that fail")            \
    X(OUTPUT, outputs, "outputs that close")        \
    X(FULL, full, "disks that are full")            \
    X(FILES, waits, "waits for a file system")

enum fault {
#define X(name, option, text) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT,
    FAULT_KINDS = FAULT_CRASH /* those that a schedule inflicts come first */
};

const char *fault_text(enum fault fault);

enum {
    RECORDS_MAX = 20000,
    SLOTS_PER_WORKER_MAX = 3,
    CHUNK_RECORDS_MAX = 3,
    RECORD_BYTES = 1000
};

/* A place in the input that no input reaches. */
#define NOT_EVER INT64_C(1000000)

#define LIVENESS_US INT64_C(5000000)
#define PATIENCE_US INT64_C(100000000)

/* X(name, unit or meaning) */
#define SCENARIO(X)                                                \
    X(salt, "of all chance but the scenario's own")                \
    X(workers, "")                                                 \
    X(slots, "the most of a worker")                               \
    X(records, "of the input")                                     \
    X(chunk, "records, the most in a chunk")                       \
    X(block_auto, "the core says how long a chunk is")             \
    X(window, "0: the core's own")                                 \
    X(retries, "")                                                 \
    X(losses, "")                                                  \
    X(min_workers, "")                                             \
    X(depth, "tasks that a slot takes at once")                    \
    X(buffer_chunks, "of the largest kind; 0: plenty")             \
    X(keeps_bytes, "the input is a stream")                        \
    X(ordered, "")                                                 \
    X(journal, "")                                                 \
    X(extra_runs, "runs that the workers serve, less one")         \
    X(short_tasks, "")                                             \
    X(even_tasks, "runs take about as long as each other")         \
    X(slow_tasks, "per mille of runs that take seconds")           \
    X(slow_input, "")                                              \
    X(header_ms, "until workers may be told it; 0: there is none") \
    X(on_error, "0 stop, 1 skip, 2 isolate")                       \
    X(halt, "0 never, 1 soon, 2 now")                              \
    X(halt_tasks, "")                                              \
    X(halt_percent, "")                                            \
    X(limit_ms, "of a run")                                        \
    X(limit_percent, "of the median run")                          \
    X(speculate, "")                                               \
    X(bad, "records that fail")                                    \
    X(hangs, "records that hang")                                  \
    X(killers, "records that take their worker down")              \
    X(kill_ms, "so long such a record runs at least")              \
    X(flaky, "per mille of runs that fail")                        \
    X(crash, "per mille of runs that take their slot with them")   \
    X(input_fails, "at this record")                               \
    X(output_closes, "at this record")                             \
    X(disk_room, "for so many records and journals")               \
    X(interrupts, "signals to the ventilator")                     \
    X(slow_messages, "per mille of messages that take long")       \
    X(unmonitored, "per mille of workers without a monitor")       \
    X(sink_moves, "each sink has an endpoint of its own")          \
    X(aim, "more faults at takeovers")                             \
    X(cut_off, "the first worker never reaches the sink")          \
    X(bad_hosts, "workers, the last, that fail every run")         \
    X(bad_from_ms, "they do from then on,")                        \
    X(bad_until_ms, "and until then; 0: for good")                 \
    X(mute_hosts, "workers, the first, that start no task")        \
    X(preempt, "per mille of leaving workers whose runs fail")     \
    X(slips, "per mille of results with a wrong mark or seq")      \
    X(swallows, "the first worker's results never arrive")         \
    X(drains, "only the programs' end proves their results")       \
    X(opens, "per mille of workers with results unproven")         \
    X(shifts, "per mille of programs that write a line too many")  \
    X(extents, "per mille of workers that take references")        \
    X(refusals, "per mille of references that cannot be read")     \
    X(on_lost, "0 wait, 1 finish, 2 stop")                         \
    X(file_waits, "of a sink, for a file system")                  \
    X(wait_ms, "the most that such a wait takes")                  \
    X(mute_waits, "per mille of them without STALLED")             \
    X(old_words, "per mille of speakers that outlive their sink")  \
    X(parts, "per mille of results with which a part is full")     \
    X(sends, "per mille of complete outputs still to be stored")   \
    X(loans, "the sink borrows results")                           \
    X(unborrowed, "per mille of loans that it cannot open")        \
    X(far_hosts, "workers, the first, whose loans it never can")   \
    X(until_ms, "of faults")                                       \
    X(gap_ms, "between faults")                                    \
    X(lag_us, "of the loops")                                      \
    X(drain, "messages that a loop reads before it ticks")

struct scenario {
#define X(name, text) int64_t name;
    SCENARIO(X)
#undef X
    int64_t faults[FAULT_KINDS]; /* 1: of this scenario */
};

void scenario_draw(struct scenario *scenario, struct random *random, uint64_t seed);
/* "workers=1,kill=0" on top of what was drawn; false: it names something else. */
bool scenario_set(struct scenario *scenario, const char *options);
/* All that is not 0, in the form that scenario_set takes. */
void scenario_print(const struct scenario *scenario, FILE *file);
/* Bytes that ventilator and sink may each keep in memory. */
uint64_t scenario_buffer_bytes(const struct scenario *scenario);
/* Tasks that may be sent ahead of what is released. */
uint64_t scenario_window(const struct scenario *scenario);
/* Whether the program fails on the worker of this number, from 0, at this time. */
bool scenario_host_is_bad(const struct scenario *scenario, uint32_t worker,
                          int64_t now_us);
/* Whether no sink can open what it lends. */
bool scenario_host_is_far(const struct scenario *scenario, uint32_t worker);
bool scenario_host_is_mute(const struct scenario *scenario, uint32_t worker);
/* Whether any fault is inflicted by the schedule. */
bool scenario_has_faults(const struct scenario *scenario);

/* For the shrinker: fields by number. NULL: there are no more. */
const char *scenario_name(unsigned field);
int64_t *scenario_field(struct scenario *scenario, unsigned field);

#endif
