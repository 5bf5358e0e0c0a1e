/* SPDX-License-Identifier: MIT */
/* The process of a plugin's slot: takes tasks from its channel and calls the plugin. */
#ifndef FANFOLD_WORKER_PLUGIN_SLOT_PLUGIN_SLOT_H
#define FANFOLD_WORKER_PLUGIN_SLOT_PLUGIN_SLOT_H

#include "worker/fanfold.h"
#include "worker/plugin_slot/plugin_channel.h"

/* `number` from 0. Never returns. */
void plugin_slot_serve(const struct fanfold_plugin *plugin, void *state,
                       uint32_t number, struct plugin_channel *channel)
    __attribute__((noreturn));

#endif
