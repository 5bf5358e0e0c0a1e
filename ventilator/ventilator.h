/* SPDX-License-Identifier: MIT */
/* The assembly of the role: one loop around source, dispatch, inbox and outbox. */
#ifndef FANFOLD_VENTILATOR_VENTILATOR_H
#define FANFOLD_VENTILATOR_VENTILATOR_H

#include "ventilator/options.h"

/* Runs to the end and says on stderr what went wrong, if anything did. Returns the exit
 * status. Leaves nothing behind. */
int ventilator_run(const struct ventilator_options *options);

#endif
