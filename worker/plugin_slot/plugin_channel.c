/* SPDX-License-Identifier: MIT */
/* Making, passing on and opening a slot's channel. */
#include "worker/plugin_slot/plugin_channel.h"
#include "common/process/fds.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST_BYTES = 64 << 10 };

int plugin_channel_create(struct plugin_channel *channel)
{
    *channel = (struct plugin_channel){
        .control.fd = -1,
        .slot_bell = eventfd(0, EFD_CLOEXEC),
        .worker_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    int result = 0;
    if (channel->slot_bell < 0 || channel->worker_bell < 0)
        result = -errno;
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES; i++)
        channel->input[i].fd = channel->output[i].fd = -1;
    if (result == 0)
        result = shared_memory_create(&channel->control, "fanfold-control",
                                      sizeof(struct plugin_channel_control));
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES && result == 0; i++) {
        result = shared_memory_create(&channel->input[i], "fanfold-input", FIRST_BYTES);
        if (result == 0)
            result = shared_memory_create(&channel->output[i], "fanfold-output",
                                          FIRST_BYTES);
    }
    if (result < 0)
        plugin_channel_close(channel);
    else
        plugin_channel_control(channel)->worker = (uint64_t)getpid();
    return result;
}

void plugin_channel_close(struct plugin_channel *channel)
{
    shared_memory_close(&channel->control);
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES; i++) {
        shared_memory_close(&channel->input[i]);
        shared_memory_close(&channel->output[i]);
    }
    fd_close(&channel->slot_bell);
    fd_close(&channel->worker_bell);
}

void plugin_channel_fds(const struct plugin_channel *channel,
                        int ret_fds[PLUGIN_CHANNEL_FDS])
{
    int count = 0;
    ret_fds[count++] = channel->control.fd;
    ret_fds[count++] = channel->slot_bell;
    ret_fds[count++] = channel->worker_bell;
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES; i++) {
        ret_fds[count++] = channel->input[i].fd;
        ret_fds[count++] = channel->output[i].fd;
    }
}

int plugin_channel_open(struct plugin_channel *channel,
                        const int fds[PLUGIN_CHANNEL_FDS])
{
    *channel = (struct plugin_channel){.slot_bell = fds[1], .worker_bell = fds[2]};
    int result = shared_memory_open(&channel->control, fds[0]);
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES && result == 0; i++) {
        result = shared_memory_open(&channel->input[i], fds[3 + 2 * i]);
        if (result == 0)
            result = shared_memory_open(&channel->output[i], fds[4 + 2 * i]);
    }
    return result;
}
