/* SPDX-License-Identifier: MIT */
#include "worker/preemption.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_US = 1000000 /* for the worker's own signal, sent in the same moment */ };

struct waiting_failure {
    struct failed_run run;
    int64_t due_us;
    uint8_t *text; /* run.text is in it */
};

void preemption_deinit(struct preemption *preemption)
{
    for (size_t i = 0; i < preemption->count; i++)
        free(preemption->waiting[i].text);
    free(preemption->waiting);
    free(preemption->taken_text);
    *preemption = (struct preemption){0};
}

bool preemption_excuses(const struct failed_run *run)
{
    return run->cause != FAILURE_TIMEOUT && run->cause != FAILURE_TOO_LARGE &&
           !(run->cause == FAILURE_MEMORY && run->code == FAILURE_MEMORY_LIMIT);
}

/* A shell, and most that wait for another program, exit with 128 + n for it. */
bool preemption_suspects(const struct failed_run *run)
{
    uint32_t number = run->code;
    if (run->cause == FAILURE_EXIT && run->code > STATUS_SIGNAL)
        number = run->code - STATUS_SIGNAL;
    else if (run->cause != FAILURE_SIGNAL)
        return false;
    return number == SIGTERM || number == SIGINT || number == SIGHUP;
}

void preemption_add(struct preemption *preemption, const struct failed_run *run,
                    int64_t now_us)
{
    preemption->waiting = room_for_one_more(preemption->waiting, preemption->count,
                                            &preemption->capacity,
                                            sizeof *preemption->waiting);
    struct waiting_failure *failure = &preemption->waiting[preemption->count++];
    *failure = (struct waiting_failure){.run = *run, .due_us = now_us + WAIT_US};
    if (run->text.size == 0)
        return;
    failure->text = allocate(run->text.size);
    memcpy(failure->text, run->text.data, run->text.size);
    failure->run.text.data = failure->text;
}

bool preemption_take(struct preemption *preemption, bool any, int64_t now_us,
                     struct failed_run *ret_run)
{
    struct waiting_failure *first = preemption->waiting;
    if (!preemption->count || !(any || first->due_us <= now_us))
        return false;
    struct waiting_failure taken = *first;
    memmove(first, first + 1, --preemption->count * sizeof *first);
    free(preemption->taken_text);
    preemption->taken_text = taken.text;
    *ret_run = taken.run;
    return true;
}

int64_t preemption_deadline(const struct preemption *preemption)
{
    return preemption->count ? preemption->waiting[0].due_us : NEVER_US;
}
