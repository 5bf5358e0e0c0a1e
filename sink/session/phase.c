/* SPDX-License-Identifier: MIT */
/* A row of a table holds a bit for each phase that may follow. */
#include "sink/session/phase.h"

#include <assert.h>

#define TO(name) (1u << SINK_PHASE_##name)

void sink_phase_set(enum sink_phase *phase, enum sink_phase next)
{
    static const unsigned allowed[] = {
        [SINK_PHASE_RUNNING] = TO(RUNNING) | TO(COMPLETING) | TO(STOPPING) |
                               TO(FAILING),
        /* Another ventilator begins the next epoch: the run goes on. */
        [SINK_PHASE_COMPLETING] = TO(RUNNING) | TO(COMPLETING) | TO(STOPPING) |
                                  TO(SAVING) | TO(FAILING),
        [SINK_PHASE_STOPPING] = TO(RUNNING) | TO(FAILING) | TO(FINISHED),
        [SINK_PHASE_SAVING] = TO(RUNNING) | TO(FAILING) | TO(FINISHED),
        [SINK_PHASE_FAILING] = TO(FAILING) | TO(FINISHED),
        [SINK_PHASE_FINISHED] = TO(LEFT),
        [SINK_PHASE_LEFT] = 0,
    };
    assert(allowed[*phase] & 1u << next);
    *phase = next;
}

#undef TO

const char *sink_phase_name(enum sink_phase phase)
{
    static const char *const names[] = {
#define X(name) [SINK_PHASE_##name] = #name,
        SINK_PHASES(X)
#undef X
    };
    return names[phase];
}

bool sink_phase_takes(enum sink_phase phase)
{
    return phase == SINK_PHASE_RUNNING || phase == SINK_PHASE_COMPLETING ||
           phase == SINK_PHASE_SAVING;
}

bool sink_phase_is_closing(enum sink_phase phase)
{
    return phase >= SINK_PHASE_FAILING;
}

bool sink_phase_is_finished(enum sink_phase phase)
{
    return phase >= SINK_PHASE_FINISHED;
}

void sink_epoch_phase_set(enum sink_epoch_phase *phase, enum sink_epoch_phase next)
{
    static const unsigned allowed[] = {
        [SINK_EPOCH_UNKNOWN] = 1u << SINK_EPOCH_OPENING,
        [SINK_EPOCH_OPENING] = 1u << SINK_EPOCH_OPENING | 1u << SINK_EPOCH_OPEN,
        [SINK_EPOCH_OPEN] = 1u << SINK_EPOCH_OPENING,
    };
    assert(allowed[*phase] & 1u << next);
    *phase = next;
}
