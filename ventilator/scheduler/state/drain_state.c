/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/drain_state.h"

#include "common/clock.h"
#include <string.h>

bool drain_state_named(const struct message *hello)
{
    return capability_is_named(hello->hello_worker.capabilities,
                               hello->hello_worker.capability_count, "drain");
}

void drain_state_on_hello(struct drain_state *drain, const struct message *hello,
                          bool same_run)
{
    if (!drain->drains && drain_state_named(hello))
        *drain = (struct drain_state){.drains = true,
                                      .due = true,
                                      .opens = true,
                                      .open_from = NEVER_SEQ,
                                      .unsaid_from = NEVER_SEQ};
    drain->gone_us = NEVER_US;
    drain->asked = false;
    drain->gave |= same_run;
}

static void note(uint64_t *from, uint64_t seq)
{
    if (seq < *from)
        *from = seq;
}

void drain_state_on_done(struct drain_state *drain, const struct done_entry *entry,
                         bool first)
{
    if (!drain->drains)
        return;
    drain->due = drain->gave = true;
    drain->asked = false;
    drain->opens = entry->open || drain->open_from != NEVER_SEQ;
    if (entry->open)
        note(&drain->open_from, entry->seq);
    if (!first && drain->unsaid > 0 && --drain->unsaid == 0)
        drain->unsaid_from = NEVER_SEQ;
}

/* The result is there, and its DONE has not been heard. */
static void on_unsaid(struct drain_state *drain, uint64_t seq)
{
    if (!drain->drains)
        return;
    drain->due = drain->gave = true;
    drain->asked = false;
    drain->unsaid++;
    note(&drain->unsaid_from, seq);
}

void drain_state_on_held(struct drain_state *drain, uint64_t seq)
{
    on_unsaid(drain, seq);
}

void drain_state_on_ledger(struct drain_state *drain, const struct ledger_entry *entry)
{
    if (entry->state == ENTRY_DONE)
        on_unsaid(drain, entry->seq);
}

void drain_state_on_drained(struct drain_state *drain)
{
    drain->due = false;
    drain->unsaid = 0;
    drain->open_from = drain->unsaid_from = NEVER_SEQ;
}

uint64_t drain_state_doubt(const struct drain_state *drain)
{
    uint64_t from = drain->open_from;
    if (!drain->drains)
        return NEVER_SEQ;
    if (drain->opens)
        note(&from, drain->unsaid_from);
    return from;
}

void drain_state_on_lost(struct drain_state *drain, int64_t now_us)
{
    if (drain_state_doubt(drain) != NEVER_SEQ)
        drain->gone_us = now_us;
}

bool drain_state_is_gone(const struct drain_state *drain)
{
    return drain->drains && drain->gone_us != NEVER_US;
}
