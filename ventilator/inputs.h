/* SPDX-License-Identifier: MIT */
/* Makes the source of what the options say. */
#ifndef FANFOLD_VENTILATOR_INPUTS_H
#define FANFOLD_VENTILATOR_INPUTS_H

#include "ventilator/front.h"
#include "ventilator/source/source.h"

/* Opens files and streams. STATUS_OK, or the exit status after saying why. */
int inputs_open(const struct ventilator_options *options, struct source **ret_source);
/* In the process that receives messages (RECEIVER_ASKS). The exit status. */
int inputs_receive(int argc, char **argv);
/* Opens the socket of messages, if there is one, whose keys the front asks for. */
int inputs_connect(struct source *source, struct front *front);

#endif
