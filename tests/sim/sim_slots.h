/* SPDX-License-Identifier: MIT */
/* The user's program in a worker's slots: runs that take their time, end well, fail,
 * hang, take their slot with them, or the whole worker. */
#ifndef FANFOLD_TESTS_SIM_SIM_SLOTS_H
#define FANFOLD_TESTS_SIM_SIM_SLOTS_H

#include "sim_ventilator.h"
#include "sim_worker.h"

/* As the session says: START and KILL. */
void slots_start(struct sim_worker *w, const struct session_action *action);
void slots_kill(struct sim_worker *w, const struct session_action *action);
/* A run has ended; the session gets to know what that means for the task. */
void slots_on_end(struct sim_worker *w, struct run *run);
/* What told the worker to leave has told its programs, too. */
void slots_preempt(struct sim_worker *w);
/* The worker finds, now or when the run has ended, that a chunk by reference cannot be
 * read; then the cargo has failed for that. */
bool slots_misread(struct sim_worker *w, struct cargo *cargo);
/* Results are not proven when they are given. */
bool slots_open(const struct sim_worker *w);
/* The programs are to end, where the worker drains them and no run is left; what they
 * gave is compared when they have. */
void slots_drain(struct sim_worker *w);
void slots_on_drained(struct sim_worker *w);
/* The slot is gone; ITEM_SLOT comes when another is there. */
void slot_replace(struct slot *slot);
/* What was in the slot and never began goes back to the session. */
void slot_hand_back(struct slot *slot);
/* A ventilator may count what began here as lost; also what ended, as the news of it
 * may be lost. */
void slots_lose(struct sim_worker *w);
/* Attempts at a chunk that count as lost now. */
uint32_t slots_count_lost(const struct fate *fate);
/* A PING says that it runs, which some do before they are started: from here on it is
 * lost with its worker. */
void slots_note_announced(struct sim_worker *w, struct cargo *cargo);
/* The session has it no more as one that runs. */
void slots_note_ended(struct cargo *cargo);

#endif
