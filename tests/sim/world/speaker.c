/* SPDX-License-Identifier: MIT */
#include "speaker.h"
#include "net.h"
#include "world.h"

#define PERIOD_US (LIVENESS_US / 4)

static void on_item(struct process *process, struct item *item)
{
    (void)process;
    (void)item;
}

static void say_stalled(struct speaker *speaker)
{
    struct process *process = &speaker->process;
    struct world *world = process->world;
    struct message message = {.type = MESSAGE_STALLED};
    message.stalled.incarnation = speaker->incarnation;
    message.stalled.waited_ms = (uint64_t)(world->schedule.now_us - speaker->since_us) /
                                1000;
    if (!process->dials[0])
        process->dials[0] = dial_open(process, VENTILATOR, 0, false);
    dial_send(process->dials[0],
              packet_new(&world->arena, &world->spare_packets, &message, NULL));
}

/* Of a sink that somebody has stopped it says nothing. */
static int64_t settle(struct process *process)
{
    struct speaker *speaker = (struct speaker *)process;
    int64_t now_us = process->world->schedule.now_us;
    if (now_us >= speaker->until_us) {
        speaker_end(speaker);
        return NEVER_US;
    }
    if (now_us >= speaker->next_us) {
        if (!speaker->sink->stopped)
            say_stalled(speaker);
        speaker->next_us = now_us + PERIOD_US;
    }
    return speaker->next_us;
}

static const struct role role = {.on_item = on_item, .settle = settle};

struct speaker *speaker_start(const struct process *sink, const struct id *incarnation)
{
    struct world *world = sink->world;
    struct speaker *speaker = arena_take(&world->arena, sizeof *speaker);
    process_init_beside(&speaker->process, sink, &role);
    speaker->sink = sink;
    speaker->incarnation = *incarnation;
    speaker->since_us = world->schedule.now_us;
    speaker->next_us = world->schedule.now_us + PERIOD_US;
    speaker->until_us = NEVER_US;
    process_post(&speaker->process, (struct item){.kind = ITEM_WAKE});
    return speaker;
}

void speaker_end(struct speaker *speaker)
{
    speaker->process.alive = false;
    if (speaker->process.dials[0])
        dial_close(speaker->process.dials[0], 0);
}

void speaker_outlive(struct speaker *speaker, int64_t from_us, int64_t until_us)
{
    speaker->next_us = from_us;
    speaker->until_us = until_us;
}
