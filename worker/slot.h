/* SPDX-License-Identifier: MIT */
/* The process of a plugin's slot: takes tasks from its channel and calls the plugin. */
#ifndef FANFOLD_WORKER_SLOT_H
#define FANFOLD_WORKER_SLOT_H

#include "worker/channel.h"
#include "worker/fanfold.h"

/* `number` from 0. Never returns. */
void slot_serve(const struct fanfold_plugin *plugin, void *state, uint32_t number,
                struct channel *channel) __attribute__((noreturn));

#endif
