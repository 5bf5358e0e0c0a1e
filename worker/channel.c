/* SPDX-License-Identifier: MIT */
/* Making, passing on and opening a slot's channel. */
#include "worker/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AREA_BYTES = 64 << 10 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int channel_create(struct channel *channel)
{
    *channel = (struct channel){
        .control.fd = -1,
        .slot_bell = eventfd(0, EFD_CLOEXEC),
        .worker_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    int result = 0;
    if (channel->slot_bell < 0 || channel->worker_bell < 0)
        result = -errno;
    for (int i = 0; i < CHANNEL_BATCHES; i++)
        channel->input[i].fd = channel->output[i].fd = -1;
    if (result == 0)
        result = area_create(&channel->control, "fanfold-control",
                             sizeof(struct channel_control));
    for (int i = 0; i < CHANNEL_BATCHES && result == 0; i++) {
        result = area_create(&channel->input[i], "fanfold-input", AREA_BYTES);
        if (result == 0)
            result = area_create(&channel->output[i], "fanfold-output", AREA_BYTES);
    }
    if (result < 0)
        channel_close(channel);
    return result;
}

void channel_close(struct channel *channel)
{
    area_close(&channel->control);
    for (int i = 0; i < CHANNEL_BATCHES; i++) {
        area_close(&channel->input[i]);
        area_close(&channel->output[i]);
    }
    close_fd(&channel->slot_bell);
    close_fd(&channel->worker_bell);
}

void channel_fds(const struct channel *channel, int ret_fds[CHANNEL_FDS])
{
    int count = 0;
    ret_fds[count++] = channel->control.fd;
    ret_fds[count++] = channel->slot_bell;
    ret_fds[count++] = channel->worker_bell;
    for (int i = 0; i < CHANNEL_BATCHES; i++) {
        ret_fds[count++] = channel->input[i].fd;
        ret_fds[count++] = channel->output[i].fd;
    }
}

int channel_open(struct channel *channel, const int fds[CHANNEL_FDS])
{
    *channel = (struct channel){.slot_bell = fds[1], .worker_bell = fds[2]};
    int result = area_open(&channel->control, fds[0]);
    for (int i = 0; i < CHANNEL_BATCHES && result == 0; i++) {
        result = area_open(&channel->input[i], fds[3 + 2 * i]);
        if (result == 0)
            result = area_open(&channel->output[i], fds[4 + 2 * i]);
    }
    return result;
}
