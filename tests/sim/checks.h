/* SPDX-License-Identifier: MIT */
/*
 * What must never happen, and what must have happened by the end. The loops call a
 * check just before they do what it is about. A check looks at the world, and but
 * for check_tallies never asks the core that it checks. It says a violation to the
 * world.
 */
#ifndef FANFOLD_TESTS_SIM_CHECKS_H
#define FANFOLD_TESTS_SIM_CHECKS_H

#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"

struct world;

/* The ventilator: a chunk of `bytes` is to be cut; a task to be sent; a chunk to be
 * given up, or dropped; END or the verdict to be told. */
void check_cut(struct sim_ventilator *v, uint64_t bytes);
/* It has heard this, and may know what follows from it. */
void check_heard(struct sim_ventilator *v, const struct item *item);
/* It has asked how long the next chunk should be. */
void check_block(const struct sim_ventilator *v);
void check_task(const struct sim_ventilator *v, const struct dispatch_action *action);
/* The same, as to how; it hears, perhaps, that a reference cannot be read. */
void check_reference(const struct sim_ventilator *v,
                     const struct dispatch_action *action);
void check_refusal(struct sim_ventilator *v, const struct item *item);
/* A part of a chunk is to be tried, alone. */
void check_probe(struct sim_ventilator *v, const struct dispatch_action *action);
/* It may just have given up chunks, and has done what it decided before that. */
void check_decided(struct sim_ventilator *v);
void check_skip(struct sim_ventilator *v, uint64_t seq);
/* It has heard or done something: what it counts as it goes is as if it were counted
 * now. The one check that asks the core about itself. */
void check_tallies(struct sim_ventilator *v);
/* A worker is to be set aside. */
void check_aside(struct sim_ventilator *v, const struct dispatch_action *action);
void check_discard(const struct sim_ventilator *v, uint64_t seq);
void check_total(struct sim_ventilator *v, const struct message *end);
void check_verdict(struct sim_ventilator *v, const struct verdict *verdict);
void check_over(struct sim_ventilator *v, const struct verdict *verdict);
/* It tells of a task that has ended. */
void check_end(struct sim_ventilator *v, const struct completion *end);

/* The sink's place: it hears a message; gives the place to a peer; does not reach one,
 * or refuses it; has done what it decided; says a verdict, though the sink may only
 * wait for a file system. */
void check_place_heard(struct sim_ventilator *v, const struct item *item);
void check_place_given(struct sim_ventilator *v, uint32_t peer);
void check_place_lost(struct sim_ventilator *v, uint32_t peer);
void check_place_refused(struct sim_ventilator *v,
                         const struct dispatch_action *action);
void check_place(const struct sim_ventilator *v);
void check_spoken_for(struct sim_ventilator *v, const struct verdict *verdict);

/* A worker: it has taken what there was; a task is to start in a slot that has `load`;
 * a result is to be sent. */
void check_ledger(const struct sim_worker *w);
void check_start(const struct sim_worker *w, const struct slot *slot, uint32_t load,
                 const struct session_action *action);
/* The search for bad records has ended, as none goes well. */
void check_none_good(const struct sim_worker *w, const struct cargo *cargo);
void check_sent(const struct sim_worker *w, const struct cargo *cargo);
void check_leave(const struct sim_worker *w, int status);

/* The sink: a result or a SKIP of its epoch was taken, or refused; is to be written;
 * what it says of its position. */
void check_slip(const struct sim_sink *s, const struct packet *packet);
void check_result(struct sim_sink *s, const struct packet *packet, bool taken);
void check_skip_taken(struct sim_sink *s, const struct packet *packet, bool taken);
void check_write(struct sim_sink *s, const struct piece *piece, uint64_t seq);
void check_memory(const struct sim_sink *s);
void check_begin(const struct sim_sink *s, const struct position *position);
void check_progress(const struct sim_sink *s, const struct sink_progress *progress);
void check_commit(const struct sim_sink *s, const struct position *position);
void check_finished(const struct sim_sink *s, const struct sink_verdict *verdict);
void check_parting(const struct sim_sink *s, const struct sink_verdict *verdict);

/* Nothing more happens in this leg. True: the run is complete. */
bool check_leg_end(struct world *world);
/* Nothing more happens in this run. */
void check_run_end(struct world *world);
/* A process that is left is a violation. */
void check_all_left(struct world *world);

#endif
