/* SPDX-License-Identifier: MIT */
/* What the options of fanfold-ventilator mean together, once each is read. */
#ifndef FANFOLD_VENTILATOR_OPTIONS_SETTLE_H
#define FANFOLD_VENTILATOR_OPTIONS_SETTLE_H

#include "ventilator/options.h"

/* Fills in what follows from others. False: they contradict each other, and it has said
 * so. */
bool options_settle(struct ventilator_options *options);

#endif
