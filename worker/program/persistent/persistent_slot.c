/* SPDX-License-Identifier: MIT */
/* Starting and killing a slot's process. */
#include "worker/program/persistent/persistent_slot.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/process/fds.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

void persistent_slot_set_phase(struct persistent_slot *slot,
                               enum persistent_phase phase)
{
    static const unsigned allowed[] = {
        [PERSISTENT_PREPARING] = 1u << PERSISTENT_SERVING | 1u << PERSISTENT_OVERDUE |
                                 1u << PERSISTENT_ENDING | 1u << PERSISTENT_KILLED,
        [PERSISTENT_SERVING] = 1u << PERSISTENT_OVERDUE | 1u << PERSISTENT_ENDING |
                               1u << PERSISTENT_KILLED,
        [PERSISTENT_ENDING] = 1u << PERSISTENT_KILLED,
        [PERSISTENT_OVERDUE] = 1u << PERSISTENT_KILLED_LATE,
        [PERSISTENT_KILLED] = 0,
        [PERSISTENT_KILLED_LATE] = 0,
    };
    assert(allowed[slot->phase] & 1u << phase);
    slot->phase = phase;
}

void persistent_slot_init(struct persistent_slot *slot, struct persistent *persistent,
                          uint32_t number)
{
    slot_life_init(&slot->life, persistent->context, number);
    slot->persistent = persistent;
    coprocess_init(&slot->coprocess, persistent->mode);
}

void persistent_slot_deinit(struct persistent_slot *slot)
{
    coprocess_deinit(&slot->coprocess);
}

int persistent_slot_start(struct persistent_slot *slot)
{
    struct runner_context *context = slot->life.context;
    struct coprocess *coprocess = &slot->coprocess;
    bool lines = slot->persistent->mode == PROGRAM_LINES;
    struct request request = {.slot = slot->life.number, .tells_pid = lines};
    int theirs[2] = {-1, -1};
    int result = coprocess_open(coprocess, theirs);
    if (result < 0)
        return result;
    result = runner_context_start(context, &request, theirs, 2);
    fd_close(&theirs[0]);
    fd_close(&theirs[1]);
    if (result < 0) {
        coprocess_close(coprocess);
        return result;
    }
    slot_life_start(&slot->life, false);
    slot->phase = PERSISTENT_PREPARING;
    slot->pid = slot->above = 0;
    slot->met = !lines;
    slot->fruitful = slot->missing = slot->reader = false;
    slot->bursts = slot->held_ends = 0;
    slot->asked_us = slot->look_us = slot->slowest_us = 0;
    slot->confirm_us = slot->closed_us = slot->kill_us = slot->end_us = 0;
    persistent_doubt_begin(&slot->doubt);
    slot->opened_us = clock_now_us();
    runner_context_watch(context, coprocess->output, TAG_OUTPUT, slot->life.number,
                         EPOLLIN);
    runner_context_watch(context, coprocess->input, TAG_INPUT, slot->life.number,
                         EPOLLOUT | EPOLLET);
    return 0;
}

void persistent_slot_kill(struct persistent_slot *slot)
{
    if (!persistent_slot_is_alive(slot))
        return;
    if (!persistent_slot_is_killed(slot))
        persistent_slot_set_phase(slot, slot->phase == PERSISTENT_OVERDUE
                                            ? PERSISTENT_KILLED_LATE
                                            : PERSISTENT_KILLED);
    runner_context_kill(slot->life.context, slot->life.number);
    coprocess_close_pipes(&slot->coprocess);
}

/* The next task bears it, or nobody. A program that greets does it at each start: the
 * first time is said, and then the tenth, the hundredth and so on. */
static void tell_fault(struct persistent_slot *slot)
{
    char why[FAULT_MAX + 8];
    uint64_t times = ++slot->persistent->faults;
    while (times % 10 == 0)
        times /= 10;
    if (times == 1)
        log_event(
            LOG_LEVEL_WARN, "fault_between_chunks",
            "slot=%" PRIu32 " times=%" PRIu64 " why=%s", slot->life.number + 1,
            slot->persistent->faults,
            log_quote(why, sizeof why, slot->fault_text, strlen(slot->fault_text)));
}

void persistent_slot_find_fault(struct persistent_slot *slot, enum failure cause,
                                uint32_t code)
{
    slot->fault = cause;
    slot->fault_code = code;
    bool ends = slot->end_us || slot->life.context->ending;
    if (!slot->coprocess.given && *slot->fault_text && !ends)
        tell_fault(slot);
    persistent_slot_kill(slot);
}

bool persistent_slot_is_alive(const struct persistent_slot *slot)
{
    return slot->life.phase == SLOT_OCCUPIED;
}

bool persistent_slot_is_killed(const struct persistent_slot *slot)
{
    return slot->phase == PERSISTENT_KILLED || slot->phase == PERSISTENT_KILLED_LATE;
}

bool persistent_slot_serves(const struct persistent_slot *slot)
{
    return persistent_slot_is_alive(slot) &&
           (slot->phase == PERSISTENT_PREPARING || slot->phase == PERSISTENT_SERVING);
}

bool persistent_slot_counts(const struct persistent_slot *slot)
{
    return persistent_slot_serves(slot) ||
           (persistent_slot_is_alive(slot) && slot->phase == PERSISTENT_ENDING);
}

void persistent_slot_end(struct persistent_slot *slot, int64_t end_us)
{
    persistent_slot_set_phase(slot, PERSISTENT_ENDING);
    slot->end_us = end_us;
    coprocess_close_input(&slot->coprocess);
}

struct coprocess_task *persistent_slot_at_work(struct persistent_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    /* A response that is not reported yet came before all of its request was
     * written. */
    bool early = coprocess->mode == PROGRAM_FRAMES && coprocess->answered > 0;
    uint32_t index = early ? 0 : coprocess->answered;
    return index < coprocess->given ? coprocess_at(coprocess, index) : NULL;
}

bool persistent_slot_has_begun(struct persistent_slot *slot)
{
    return slot->coprocess.given > 0 &&
           coprocess_taken(&slot->coprocess) > coprocess_at(&slot->coprocess, 0)->begin;
}
