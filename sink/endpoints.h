/* SPDX-License-Identifier: MIT */
/*
 * The two endpoints at which the sink meets the ventilator and the workers: as the
 * person gave them, or those of the runtime directory on this host, which the sink then
 * holds.
 */
#ifndef FANFOLD_SINK_ENDPOINTS_H
#define FANFOLD_SINK_ENDPOINTS_H

#include "common/options.h"
#include <stddef.h>

struct endpoints;

/* 0, or -errno with a sentence for a person in `error`: -EINVAL for a wrong option,
 * also tcp:// unless `tcp`; -EBUSY where another sink has the runtime directory.
 * Options must outlive it. */
int endpoints_open(const struct common_options *options, bool tcp,
                   struct endpoints **ret_endpoints, char *error, size_t error_size);
void endpoints_close(struct endpoints **endpoints_p);

/* Both are valid as long as the endpoints. */
const char *endpoints_tasks(const struct endpoints *endpoints);
const char *endpoints_results(const struct endpoints *endpoints);

#endif
