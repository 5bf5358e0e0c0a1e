/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/persistent_quiet.h"
#include "common/clock.h"
#include "worker/program/persistent/persistent_answers.h"
#include "worker/program/persistent/sight.h"

enum {
    QUIET_US = 1000,           /* after the answers to a burst, at least */
    QUIET_CAREFUL_US = 5000,   /* where there was trouble */
    QUIET_FIRST_US = 50000,    /* to the first ones of a process, and to a second try */
    QUIET_MAX_US = 100000,     /* but for the first ones */
    BUSY_MAX_US = 2000000,     /* at something, with everything answered */
    PREPARE_MAX_US = 10000000, /* without a look at the input; it is written then, and
                                  what comes before it is read is a fault as well */
    END_US =
        900000, /* from the end of its output to its own, which says how it ended */
    LOOK_MIN_US = 50,
    LOOK_MAX_US = 20000,
};

static int64_t most(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The longer it has lasted, the longer it may last. */
static int64_t look_again(int64_t since_us, int64_t now_us)
{
    int64_t wait_us = (now_us - since_us) / 8;
    wait_us = wait_us < LOOK_MAX_US ? wait_us : LOOK_MAX_US;
    return now_us + most(wait_us, LOOK_MIN_US);
}

static struct sight look(struct persistent_slot *slot)
{
    if (slot->pid && !slot->above)
        slot->above = sight_parent(slot->pid);
    struct sight sight = sight_look(slot->pid, slot->above, slot->coprocess.input);
    slot->reader |= sight.reads;
    return sight;
}

/* ---- before the first task ---- */

/* How long to wait for more than we see now. */
static int64_t patience_us(const struct persistent_slot *slot, struct sight sight)
{
    if (sight.still)
        return 0;
    if (!slot->pid)
        return BUSY_MAX_US; /* we are told soon */
    int64_t silence_us = slot->persistent->silence_us;
    int64_t prepare_us = silence_us && silence_us < PREPARE_MAX_US ? silence_us
                                                                   : PREPARE_MAX_US;
    if (sight.busy)
        return sight.reads ? BUSY_MAX_US : prepare_us;
    return sight.seen ? QUIET_FIRST_US : 0;
}

void persistent_quiet_meet(struct persistent_slot *slot, int64_t now_us)
{
    if (slot->met || now_us < slot->look_us)
        return;
    if (!slot->asked_us)
        slot->asked_us = now_us;
    if (now_us - slot->asked_us < patience_us(slot, look(slot))) {
        slot->look_us = look_again(slot->asked_us, now_us);
        return;
    }
    persistent_answers_read(slot, PERSISTENT_READS_MAX);
    slot->met = persistent_slot_serves(slot) && !slot->closed_us;
}

/* ---- behind the answers ---- */

/* Some times as long as one line has taken, but not much of what all have. */
static int64_t quiet_us(struct persistent_slot *slot)
{
    uint64_t answered, wanted;
    int64_t took_us = slot->answered_us - slot->burst_us;
    coprocess_count_lines(&slot->coprocess, &answered, &wanted);
    int64_t quiet = wanted > 0 ? 2 * took_us / (int64_t)wanted : 0;
    if (quiet > took_us / 16)
        quiet = took_us / 16;
    if (slot->bursts < PERSISTENT_FIRST_BURSTS ||
        coprocess_at(&slot->coprocess, 0)->task.attempt > 1)
        return most(QUIET_FIRST_US, 2 * slot->slowest_us);
    if (quiet > QUIET_MAX_US)
        return QUIET_MAX_US;
    return most(quiet, slot->persistent->careful > 0 ? QUIET_CAREFUL_US : QUIET_US);
}

/* How long to wait for more than we see now. */
static int64_t wait_us(struct persistent_slot *slot, struct sight sight)
{
    int64_t silence_us = slot->persistent->silence_us;
    if (!sight.busy)
        return quiet_us(slot);
    if (sight.reads || !slot->reader)
        return most(BUSY_MAX_US, 4 * slot->slowest_us);
    return silence_us ? silence_us : most(PREPARE_MAX_US, 4 * slot->slowest_us);
}

/* It is at something yet, which may be the answer to what it read. */
static void on_absent(struct persistent_slot *slot)
{
    lines_absent(slot->fault_text, sizeof slot->fault_text,
                 (double)slot->persistent->silence_us / 1e6);
    persistent_slot_find_fault(slot, FAILURE_PROTOCOL, 0);
}

void persistent_quiet_check(struct persistent_slot *slot, int64_t now_us)
{
    int64_t due_us = slot->confirm_us, begun_us = clock_now_us();
    struct sight sight = look(slot);
    look_pace_on_look(&slot->pace, begun_us, clock_now_us());
    /* What it wrote before it waited is in the pipe by now. */
    persistent_answers_read(slot, PERSISTENT_READS_MAX);
    if (!persistent_slot_serves(slot) || slot->confirm_us != due_us)
        return;
    bool closed = slot->coprocess.output < 0;
    if (closed && now_us - slot->closed_us < END_US)
        slot->confirm_us = look_again(slot->closed_us, now_us);
    else if (sight.still || closed)
        persistent_answers_confirm(slot, true);
    else if (now_us - slot->answered_us < wait_us(slot, sight))
        slot->confirm_us = look_again(slot->answered_us, now_us);
    else if (sight.busy && !sight.reads && slot->reader && slot->persistent->silence_us)
        on_absent(slot);
    else
        persistent_answers_confirm(slot, false);
}
