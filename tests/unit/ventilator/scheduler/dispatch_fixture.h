/* SPDX-License-Identifier: MIT */
/*
 * What tests of the ventilator's core share. What it does is read as a line,
 * see trace.h. Worker A is peer 10, B peer 11 and so on; PONG is left out.
 */
#ifndef FANFOLD_TESTS_UNIT_VENTILATOR_SCHEDULER_DISPATCH_FIXTURE_H
#define FANFOLD_TESTS_UNIT_VENTILATOR_SCHEDULER_DISPATCH_FIXTURE_H

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/protocol/mark.h"
#include "tests/unit/trace.h"
#include "ventilator/scheduler/dispatch.h"

enum { SINK = 1, A = 10, B, C };

extern const struct id uid, run;
extern struct dispatch *dispatch;
extern struct dispatch_config config;
extern int64_t now_us;
extern bool sink_borrows, sink_takes_parts; /* as its HELLOs say */

void set_up(void);
void tear_down(void);

/* ---- what it does ---- */

/* Why the chunk of the last SKIP was given up, and how the last ISOLATE finds bad
 * records; kept until the next of its kind. */
extern struct dispatch_failure skipped;
extern char except[400]; /* "2+2 5+1": left out */
extern bool probes;
extern uint32_t tries;

bool next_action(struct dispatch_action *ret_action);
void trace_actions(struct trace *trace);
void tick_after(int64_t us);

#define expect_now(expected) \
    do {                     \
        tick_after(0);       \
        expect(expected);    \
    } while (0)

/* ---- what others say ---- */

void hear(uint32_t peer, struct message message);
void hello_sink_nonce(uint32_t peer, uint8_t incarnation, uint64_t nonce,
                      bool finished);
void hello_sink(uint32_t peer, uint8_t incarnation, bool finished);
void begin_from(uint32_t peer, uint64_t position, const struct range *held,
                uint32_t count);
/* Workers' places are A, B and so on. Those that join say that only the end of their
 * programs proves their results. */
extern bool drains;
void hello_with(uint32_t peer, uint64_t nonce, enum results_link link,
                const struct ledger_entry *ledger, uint32_t count);
/* With one slot and an open link: it has credit for two tasks, slot and prefetch. */
void join(uint32_t peer);
void done(uint32_t peer, uint64_t seq, uint64_t run_us);
void failed(uint32_t peer, uint64_t seq, uint32_t attempt);
void ping(uint32_t peer, enum results_link link, bool leaving,
          const struct attempt_entry *running);
/* The attempt of `seq` at this worker runs, as it says. */
void runs(uint32_t peer, uint64_t seq, uint32_t attempt);
void progress(uint64_t first, uint64_t count, uint64_t released, uint64_t committed);
/* The worker is lost with the attempt that runs there, for good: another one joins. */
void lose(uint32_t peer, uint64_t seq, uint32_t attempt);

/* ---- the beginning ---- */

/* The sink has said BEGIN; nothing is cut yet. */
void begin(void);
/* So many chunks of 100 bytes. */
void cut(uint32_t count);

#endif
