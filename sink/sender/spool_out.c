/* SPDX-License-Identifier: MIT */
#include "sink/sender/spool_out.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include <stdio.h>

bool spool_out_is_full(const struct spool_out *spool, uint64_t bytes)
{
    return spool->child && bytes > spool->child->stored &&
           bytes - spool->child->stored >= spool->bytes_max;
}

void spool_out_say_full(struct spool_out *spool, int64_t now_us)
{
    enum { AGAIN_S = 60 };
    if (spool->quiet ||
        (spool->said_us && now_us - spool->said_us < AGAIN_S * SECOND_US))
        return;
    spool->said_us = now_us;
    say("%s: the spool is full (--spool-out-size): results wait until %s has stored "
        "some",
        spool->path, spool->receiver);
}

bool spool_out_waits(const struct spool_out *spool)
{
    return spool->child && !spool->child->ended;
}

int spool_out_check(const struct spool_out *spool, char *error, size_t error_size)
{
    if (!spool->child->failed)
        return STATUS_OK;
    snprintf(error, error_size, "cannot send to %.300s: %s", spool->receiver,
             spool->child->reason);
    return spool->child->status;
}

int spool_out_descriptor(const struct spool_out *spool)
{
    return spool->child ? spool->child->notices : -1;
}
