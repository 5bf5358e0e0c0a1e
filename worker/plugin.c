/* SPDX-License-Identifier: MIT */
/* Not there yet. */
#include "worker/plugin.h"

#include <errno.h>

int plugin_new(struct stage *stage, struct plugin **ret_plugin)
{
    (void)stage, (void)ret_plugin;
    return -ENOSYS;
}
void plugin_destroy(struct plugin **plugin_p)
{
    (void)plugin_p;
}
uint32_t plugin_depth(void)
{
    return 1;
}
void plugin_start(struct plugin *plugin, uint32_t slot, const struct program_task *task)
{
    (void)plugin, (void)slot, (void)task;
}
void plugin_flush(struct plugin *plugin)
{
    (void)plugin;
}
void plugin_kill(struct plugin *plugin, uint32_t slot, uint64_t seq, uint32_t attempt)
{
    (void)plugin, (void)slot, (void)seq, (void)attempt;
}
void plugin_on_bell(struct plugin *plugin, uint32_t slot)
{
    (void)plugin, (void)slot;
}
void plugin_on_look(struct plugin *plugin)
{
    (void)plugin;
}
void plugin_on_report(struct plugin *plugin, const struct report *report)
{
    (void)plugin, (void)report;
}
void plugin_settle_all(struct plugin *plugin)
{
    (void)plugin;
}
bool plugin_running(struct plugin *plugin, uint32_t slot, uint64_t *ret_seq)
{
    (void)plugin, (void)slot, (void)ret_seq;
    return false;
}
