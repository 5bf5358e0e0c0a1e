/* SPDX-License-Identifier: MIT */
/*
 * Where the sink meets the others: the two endpoints, as they were given or those of
 * the place on this host, which it then holds.
 */
#ifndef FANFOLD_SINK_MEETING_H
#define FANFOLD_SINK_MEETING_H

#include "common/options.h"
#include <stddef.h>

struct meeting;

/* 0, or -errno with a sentence for a person in `error`: -EINVAL for what was given
 * wrong, -EBUSY for a place that another sink has. Options must outlive it. */
int meeting_open(const struct common_options *options, struct meeting **ret_meeting,
                 char *error, size_t error_size);
void meeting_close(struct meeting **meeting_p);

/* Both live as long as the meeting. */
const char *meeting_tasks(const struct meeting *meeting);
const char *meeting_results(const struct meeting *meeting);

#endif
