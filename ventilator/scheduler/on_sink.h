/* SPDX-License-Identifier: MIT */
/* What the sink says: HELLO, BEGIN, PROGRESS, FINISHED. Rules 1, 2, 4, 5, 12 and 14 of
 * PROTOCOL.md. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ON_SINK_H
#define FANFOLD_VENTILATOR_SCHEDULER_ON_SINK_H

#include "ventilator/scheduler/scheduler_state.h"

void on_sink_hello(struct dispatch *dispatch, uint32_t peer,
                   const struct message *message, int64_t now_us);
void on_sink_message(struct dispatch *dispatch, const struct message *message,
                     int64_t now_us);
/* A STALLED, which comes by another peer. */
void on_sink_stalled(struct dispatch *dispatch, const struct message *message,
                     int64_t now_us);
/* The peer is gone, whether it was the sink, or a second one that waits. */
void on_sink_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us);
/* Once a heartbeat: is the sink silent while a second one waits? */
void on_sink_check_second(struct dispatch *dispatch, int64_t now_us);

#endif
