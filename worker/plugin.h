/* SPDX-License-Identifier: MIT */
/* The worker's side of plugin slots: a process that lasts, forked by the zygote; tasks
 * and results pass through memory that both share. */
#ifndef FANFOLD_WORKER_PLUGIN_H
#define FANFOLD_WORKER_PLUGIN_H

#include "worker/stage.h"

struct plugin;

/* Asks the zygote for all slots. 0, or -errno; *ret_plugin is valid in either case. */
int plugin_new(struct stage *stage, struct plugin **ret_plugin);
void plugin_destroy(struct plugin **plugin_p);

uint32_t plugin_depth(void);
void plugin_start(struct plugin *plugin, uint32_t slot,
                  const struct program_task *task);
void plugin_flush(struct plugin *plugin);
void plugin_kill(struct plugin *plugin, uint32_t slot, uint64_t seq, uint32_t attempt);

void plugin_on_bell(struct plugin *plugin, uint32_t slot);
/* The time of TAG_LOOK has come. */
void plugin_on_look(struct plugin *plugin);
/* It has rested; it may be tried again. */
void plugin_on_rested(struct plugin *plugin, uint32_t slot);
/* Its task may have run for too long. */
void plugin_on_limit(struct plugin *plugin, uint32_t slot);
void plugin_on_report(struct plugin *plugin, const struct report *report);
/* After stage_wake. */
void plugin_settle_all(struct plugin *plugin);
/* The task that the slot works on now; false: none. */
bool plugin_running(struct plugin *plugin, uint32_t slot, uint64_t *ret_seq);

#endif
