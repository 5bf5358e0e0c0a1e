/* SPDX-License-Identifier: MIT */
/* What the options mean for the scheduler. */
#ifndef FANFOLD_VENTILATOR_DISPATCH_CONFIG_H
#define FANFOLD_VENTILATOR_DISPATCH_CONFIG_H

#include "ventilator/options.h"

/* `keeps_bytes` is as in the config; the sink has `sink_share` of --buffer. */
struct dispatch_config dispatch_config_of(const struct ventilator_options *options,
                                          bool keeps_bytes, uint64_t sink_share);

#endif
