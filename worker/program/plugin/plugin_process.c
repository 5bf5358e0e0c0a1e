/* SPDX-License-Identifier: MIT */
/* Starting a slot's process, and ending it before its time. */
#include "worker/program/plugin/plugin_process.h"
#include "common/clock.h"

#include <assert.h>
#include <sys/epoll.h>

static void set_phase(struct plugin_process *process, enum plugin_phase phase)
{
    static const unsigned allowed[] = {
        [PLUGIN_SOUND] = 1u << PLUGIN_CONDEMNED | 1u << PLUGIN_CORRUPT,
        [PLUGIN_CONDEMNED] = 1u << PLUGIN_CONDEMNED | 1u << PLUGIN_CORRUPT,
        [PLUGIN_CORRUPT] = 0,
    };
    assert(allowed[process->phase] & 1u << phase);
    process->phase = phase;
}

int plugin_process_start(struct plugin_process *process)
{
    struct runner_context *context = process->life.context;
    struct plugin_channel *channel = &process->queue.channel;
    struct request request = {.slot = process->life.number};
    int fds[PLUGIN_CHANNEL_FDS];
    int result = plugin_queue_open(&process->queue, clock_now_us());
    if (result < 0)
        return result;
    process->begun_then = 0;
    process->phase = PLUGIN_SOUND;
    runner_context_watch(context, channel->worker_bell, TAG_OUTPUT,
                         process->life.number, EPOLLIN);
    plugin_channel_fds(channel, fds);
    result = runner_context_start(context, &request, fds, PLUGIN_CHANNEL_FDS);
    if (result == 0)
        slot_life_start(&process->life, true);
    return result;
}

static void condemn(struct plugin_process *process)
{
    if (process->phase != PLUGIN_CORRUPT)
        set_phase(process, PLUGIN_CONDEMNED);
}

void plugin_process_kill(struct plugin_process *process)
{
    condemn(process);
    runner_context_kill(process->life.context, process->life.number);
}

void plugin_process_terminate(struct plugin_process *process)
{
    condemn(process);
    runner_context_terminate(process->life.context, process->life.number);
}

void plugin_process_set_corrupt(struct plugin_process *process)
{
    set_phase(process, PLUGIN_CORRUPT);
    runner_context_kill(process->life.context, process->life.number);
}

bool plugin_process_running(struct plugin_process *process, uint64_t *ret_seq)
{
    uint32_t index;
    if (!plugin_queue_running(&process->queue, &index))
        return false;
    *ret_seq = plugin_queue_at(&process->queue, index)->task.seq;
    return true;
}
