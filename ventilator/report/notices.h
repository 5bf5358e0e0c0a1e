/* SPDX-License-Identifier: MIT */
/* Sentences about workers that a person should know of. Each is said at most a few
 * times; after that it is in the log alone. */
#ifndef FANFOLD_VENTILATOR_REPORT_NOTICES_H
#define FANFOLD_VENTILATOR_REPORT_NOTICES_H

#include "ventilator/scheduler/dispatch.h"

/* Of DISPATCH_NOTICE. */
void notices_say(const struct dispatch_action *action);
/* Of a REFUSED, from the sink. */
void notices_say_refused(const struct dispatch *dispatch,
                         const struct message *message);

/* Of a FAILED, from a worker that could not read a chunk in place. */
void notices_say_unread(const struct dispatch *dispatch, uint32_t peer,
                        const struct message *message);

#endif
