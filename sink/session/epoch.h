/* SPDX-License-Identifier: MIT */
/* From WELCOME to BEGIN. */
#ifndef FANFOLD_SINK_SESSION_EPOCH_H
#define FANFOLD_SINK_SESSION_EPOCH_H

#include "sink/session/state.h"

void sink_epoch_init(struct sink_epoch *epoch, const struct position *position);
void sink_epoch_on_welcome(struct sink_session *session, const struct message *message,
                           int64_t now_us);
/* Says BEGIN once the journal has the epoch, and nothing of the old one is on its way
 * to the output. */
void sink_epoch_check_begin(struct sink_session *session, int64_t now_us);

#endif
