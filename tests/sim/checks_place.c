/* SPDX-License-Identifier: MIT */
/* The place of the sink, as those outside see it: who has it, when something of him was
 * heard last, and who waits for it. */
#include "checks.h"
#include "common/exit_status.h"
#include "ventilator/scheduler/scheduler_state.h"
#include "world/net.h"
#include "world/world.h"
#include <string.h>

static int64_t now(const struct sim_ventilator *v)
{
    return v->process.world->schedule.now_us;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static const struct process *owner_of(const struct sim_ventilator *v, uint32_t peer)
{
    return v->process.conns[peer - 1]->dial->owner;
}

/* For how long nothing came of the sink that has the place, nor for it. */
static int64_t silence_us(const struct sim_ventilator *v)
{
    return now(v) -
           later(v->process.woke_us, later(v->place.heard_us, v->place.stalled_us));
}

void check_place_heard(struct sim_ventilator *v, const struct item *item)
{
    struct place *place = &v->place;
    const struct message *message = &item->packet->message;
    uint32_t peer = item->conn->peer;
    if (peer == place->peer)
        place->heard_us = now(v);
    if (message->type == MESSAGE_STALLED &&
        id_equal(&message->stalled.incarnation, &place->incarnation))
        place->stalled_us = now(v);
    if (message->type != MESSAGE_HELLO_SINK ||
        id_equal(&message->hello_sink.incarnation, &place->incarnation))
        return;
    if (place->second != item->conn->dial->owner)
        place->second_us = now(v);
    place->second = item->conn->dial->owner;
}

void check_place_given(struct sim_ventilator *v, uint32_t peer)
{
    const struct sim_sink *s = (const struct sim_sink *)owner_of(v, peer);
    v->place =
        (struct place){.peer = peer, .incarnation = s->incarnation, .heard_us = now(v)};
}

void check_place_lost(struct sim_ventilator *v, uint32_t peer)
{
    if (v->place.second == owner_of(v, peer))
        v->place.second = NULL;
}

void check_place_refused(struct sim_ventilator *v, const struct dispatch_action *action)
{
    if (!v->place.second || owner_of(v, action->peer) != v->place.second)
        return;
    v->place.second = NULL;
    if (action->reason == REJECT_TAKEN && silence_us(v) > LIVENESS_US)
        world_violation(v->process.world,
                        "a sink is refused for one that is silent for %jd ms",
                        (intmax_t)(silence_us(v) / 1000));
}

/* Once the run is over nobody waits: whoever says HELLO hears how it ended. */
void check_place(const struct sim_ventilator *v)
{
    enum { PART = 2 }; /* a heartbeat of the core may pass before it looks */
    const struct place *place = &v->place;
    int64_t waited_us = now(v) - later(v->process.woke_us, place->second_us);
    int64_t most_us = LIVENESS_US + LIVENESS_US / PART;
    if (place->second && !v->finishing && waited_us > most_us &&
        silence_us(v) > most_us)
        world_violation(v->process.world,
                        "a sink waits for the place of one that is silent for %jd ms",
                        (intmax_t)(silence_us(v) / 1000));
}

void check_spoken_for(struct sim_ventilator *v, const struct verdict *verdict)
{
    if (verdict->status == STATUS_PEER && strstr(verdict->text, "no sink came ") &&
        v->place.stalled_us && now(v) - v->place.stalled_us <= LIVENESS_US)
        world_violation(v->process.world, "the run ends for want of a sink that waits");
}
