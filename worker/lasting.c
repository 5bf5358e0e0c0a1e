/* SPDX-License-Identifier: MIT */
/*
 * Slots with processes that last. When a process ends, what it was at has failed, what
 * it had not begun comes back, and a new process takes its place. One that breaks its
 * mode's rules, or is silent, is killed first; what is to be said of that waits until
 * it has ended.
 *
 * Frames: results are told as they come. Lines: when all of a burst (coprocess.h) is
 * answered and nothing has followed for a moment; one with another number of lines is
 * nobody's fault yet, comes back, and its chunks are run one by one.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/lasting_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    QUIET_US = 1000,         /* after the answers to a burst, at least */
    QUIET_CAREFUL_US = 5000, /* where there was trouble */
    QUIET_FIRST_US = 50000,  /* to the first ones of a process, and to a second try */
    QUIET_MAX_US = 100000,
    QUIET_FIRST_BURSTS = 2,
    HINT_LINES_US = 5000000, /* of silence since ever; but not late in --silence */
    HINT_FRAMES_US = 10000000,
};

/* ---- life and death of a process ---- */

int lasting_start_process(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    struct request request = {.kind = REQUEST_START, .slot = number};
    int theirs[2] = {-1, -1};
    int result = coprocess_open(coprocess, theirs);
    if (result < 0)
        return result;
    result = link_request(lasting->stage->starter, &request, theirs, 2);
    close(theirs[0]);
    close(theirs[1]);
    if (result < 0) {
        coprocess_close(coprocess);
        return result;
    }
    slot->alive = true;
    slot->absent = slot->prepared = slot->fruitful = slot->killed = slot->overdue =
        false;
    slot->bursts = 0;
    slot->confirm_us = slot->closed_us = slot->kill_us = 0;
    slot->opened_us = clock_now_us();
    stage_watch(lasting->stage, coprocess->output, TAG_OUTPUT, number, EPOLLIN);
    stage_watch(lasting->stage, coprocess->input, TAG_INPUT, number,
                EPOLLOUT | EPOLLET);
    return 0;
}

static int64_t hint_us(const struct program_config *config)
{
    if (config->mode == PROGRAM_FRAMES)
        return HINT_FRAMES_US;
    bool brief = config->silence_us && config->silence_us / 4 < HINT_LINES_US;
    return brief ? config->silence_us / 4 : HINT_LINES_US;
}

int lasting_new(struct stage *stage, const struct program_config *config,
                struct lasting **ret_lasting)
{
    struct lasting *lasting = allocate(sizeof *lasting);
    *lasting = (struct lasting){
        .stage = stage,
        .mode = config->mode,
        .silence_us = config->mode == PROGRAM_LINES ? config->silence_us : 0,
        .hint_us = hint_us(config),
        .slots = allocate_zeroed(stage->slots, sizeof *lasting->slots),
    };
    *ret_lasting = lasting;
    for (uint32_t number = 0; number < stage->slots; number++)
        coprocess_init(&lasting->slots[number].coprocess, config->mode);
    for (uint32_t number = 0; number < stage->slots; number++) {
        int result = lasting_start_process(lasting, number);
        if (result < 0)
            return result;
    }
    return 0;
}

void lasting_destroy(struct lasting **lasting_p)
{
    struct lasting *lasting = *lasting_p;
    if (!lasting)
        return;
    for (uint32_t number = 0; number < lasting->stage->slots; number++)
        coprocess_deinit(&lasting->slots[number].coprocess);
    free(lasting->slots);
    free(lasting);
    *lasting_p = NULL;
}

void lasting_kill_process(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->alive)
        return;
    slot->killed = true;
    stage_kill(lasting->stage, number);
    coprocess_close_pipes(&slot->coprocess);
}

void lasting_find_fault(struct lasting *lasting, uint32_t number, enum failure how,
                        uint32_t code)
{
    struct lasting_slot *slot = &lasting->slots[number];
    char why[FAULT_MAX + 8];
    slot->fault = how;
    slot->fault_code = code;
    if (!slot->coprocess.given && *slot->fault_text)
        log_event(
            LOG_LEVEL_WARN, "fault_between_chunks", "slot=%" PRIu32 " why=%s",
            number + 1,
            log_quote(why, sizeof why, slot->fault_text, strlen(slot->fault_text)));
    lasting_kill_process(lasting, number);
}

struct coprocess_task *lasting_at_work(struct lasting_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    /* A response that is not told yet came before all of its request was written. */
    bool early = slot->coprocess.mode == PROGRAM_FRAMES && coprocess->answered > 0;
    uint32_t index = early ? 0 : coprocess->answered;
    return index < coprocess->given ? coprocess_at(coprocess, index) : NULL;
}

bool lasting_has_begun(struct lasting_slot *slot)
{
    return slot->coprocess.given > 0 &&
           coprocess_taken(&slot->coprocess) > coprocess_at(&slot->coprocess, 0)->begin;
}

/* ---- in ---- */

uint32_t lasting_depth(void)
{
    return COPROCESS_DEPTH;
}

static void write_input(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (slot->killed || slot->overdue || slot->closed_us ||
        coprocess_write(&slot->coprocess))
        return;
    /* It wants no more; mostly it ends now, and its words are better than ours. */
    slot->closed_us = clock_now_us();
    lasting_mind_time(lasting, number);
}

static void give(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    if (!slot->alive || slot->killed || slot->overdue || slot->closed_us ||
        *slot->fault_text || coprocess->given == coprocess->count)
        return;
    bool idle = !lasting_at_work(slot);
    uint32_t before = coprocess->given;
    if (!coprocess_give(coprocess, lasting->careful > 0))
        return;
    if (lasting->careful > 0)
        lasting->careful -= coprocess->given > before;
    if (idle) {
        slot->begun_us = slot->heard_us = clock_now_us();
        slot->burst_us = before > 0 ? slot->burst_us : slot->begun_us;
        slot->confirm_us = 0;
        relay_speaker(lasting->stage->relays[number],
                      coprocess_at(coprocess, before)->task.seq);
    }
    write_input(lasting, number);
    lasting_mind_time(lasting, number);
    if (coprocess->asked == coprocess_at(coprocess, before)->begin)
        stage_wake(lasting->stage); /* of no bytes, it is answered without a word */
}

void lasting_start(struct lasting *lasting, uint32_t number,
                   const struct program_task *task)
{
    struct lasting_slot *slot = &lasting->slots[number];
    /* What an earlier attempt or part of it has said is none of its business. */
    relay_forget(lasting->stage->relays[number], task->seq);
    coprocess_push(&slot->coprocess, task);
    if (slot->absent || *slot->fault_text)
        stage_wake(lasting->stage);
}

void lasting_flush(struct lasting *lasting)
{
    for (uint32_t number = 0; number < lasting->stage->slots; number++)
        give(lasting, number);
}

/* ---- out ---- */

/* How long to wait for lines that are too many: some times what one has taken, but not
 * much of what all have. */
static int64_t quiet_us(struct lasting *lasting, struct lasting_slot *slot,
                        int64_t now_us)
{
    uint64_t answered, wanted;
    int64_t took_us = now_us - slot->burst_us;
    coprocess_count_lines(&slot->coprocess, &answered, &wanted);
    int64_t quiet = wanted > 0 ? 2 * took_us / (int64_t)wanted : 0;
    if (quiet > took_us / 16)
        quiet = took_us / 16;
    if (quiet > QUIET_MAX_US)
        return QUIET_MAX_US;
    int64_t least = lasting->careful > 0 ? QUIET_CAREFUL_US : QUIET_US;
    if (slot->bursts < QUIET_FIRST_BURSTS ||
        coprocess_at(&slot->coprocess, 0)->task.attempt > 1)
        least = QUIET_FIRST_US;
    return quiet > least ? quiet : least;
}

/* Those that can be forgotten: an answer may be there before all was asked. */
static uint32_t tellable(struct lasting_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    uint32_t count = 0;
    while (count < coprocess->answered &&
           coprocess_at(coprocess, count)->end <= coprocess->written)
        count++;
    return count;
}

void lasting_on_input(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    write_input(lasting, number);
    if (lasting->mode == PROGRAM_FRAMES)
        lasting_tell_answered(lasting, number, tellable(slot),
                              clock_now_us() - slot->begun_us);
}

/* What the parser has found: answers, and perhaps an end to it. */
static void on_finding(struct lasting *lasting, uint32_t number,
                       enum coprocess_finding finding, uint32_t answered_before)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    int64_t now_us = clock_now_us();
    int64_t since_us = slot->begun_us;
    if (coprocess->answered > answered_before || finding == COPROCESS_READIED) {
        slot->prepared = true;
        slot->begun_us = now_us;
    }
    if (lasting->mode == PROGRAM_FRAMES)
        lasting_tell_answered(lasting, number, tellable(slot), now_us - since_us);
    else if (finding == COPROCESS_FINE && coprocess->given > 0 &&
             !lasting_at_work(slot) && !slot->confirm_us)
        slot->confirm_us = now_us + quiet_us(lasting, slot, now_us);
    if (finding == COPROCESS_TOO_LARGE)
        lasting_find_fault(lasting, number, FAILURE_TOO_LARGE, 0);
    else if (finding != COPROCESS_FINE && finding != COPROCESS_READIED)
        lasting_find_fault(lasting, number, FAILURE_PROTOCOL, 0);
}

static void parse(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    enum coprocess_finding finding;
    char text[FAULT_MAX];
    do {
        uint32_t before = slot->coprocess.answered;
        *text = '\0';
        finding = coprocess_parse(&slot->coprocess, lasting->stage->max_result, text,
                                  sizeof text);
        if (*text)
            memcpy(slot->fault_text, text, sizeof text);
        on_finding(lasting, number, finding, before);
    } while (finding == COPROCESS_READIED);
}

void lasting_hear(struct lasting *lasting, uint32_t number, unsigned reads)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    enum coprocess_read got = COPROCESS_READ;
    while (reads-- > 0 && got == COPROCESS_READ && !slot->killed) {
        size_t before = coprocess->heard.size;
        got = coprocess_read(coprocess);
        if (coprocess->heard.size == before)
            break;
        slot->heard_us = clock_now_us();
        slot->confirm_us = 0;
        lasting->voiced = true;
        rest_forget(&lasting->stage->rest, number);
        if (slot->overdue) /* as late as never */
            coprocess->heard.size = before;
        else
            parse(lasting, number);
    }
    if (got == COPROCESS_CLOSED && !slot->closed_us)
        slot->closed_us = clock_now_us();
}

void lasting_confirm(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    slot->confirm_us = 0;
    slot->bursts++;
    lasting_tell_answered(lasting, number, slot->coprocess.answered,
                          slot->begun_us - slot->burst_us);
}

void lasting_on_output(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->alive || slot->killed)
        return;
    lasting_hear(lasting, number, READS_MAX);
    give(lasting, number);
    lasting_mind_time(lasting, number);
}

void lasting_kill(struct lasting *lasting, uint32_t number, uint64_t seq,
                  uint32_t attempt)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    for (uint32_t i = 0; i < coprocess->count; i++) {
        struct coprocess_task *item = coprocess_at(coprocess, i);
        if (item->task.seq != seq || item->task.attempt != attempt || item->muted)
            continue;
        if (i < coprocess->given) {
            item->muted = true;
            lasting_kill_process(lasting, number);
            return;
        }
        coprocess_remove(coprocess, i); /* no reason to prepare anew */
        break;
    }
    slot->ready_due = true;
    stage_wake(lasting->stage);
}

/* What was found between two tasks is the next one's. */
static void settle_fault(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!*slot->fault_text || !slot->alive || slot->killed || !slot->coprocess.count)
        return;
    lasting_tell_guilty(lasting, number, VERDICT_FAULT, 0, 0);
    coprocess_pop(&slot->coprocess);
    *slot->fault_text = '\0';
}

void lasting_settle_all(struct lasting *lasting)
{
    const struct program_events *events = &lasting->stage->events;
    for (uint32_t number = 0; number < lasting->stage->slots; number++) {
        struct lasting_slot *slot = &lasting->slots[number];
        settle_fault(lasting, number);
        if (slot->absent)
            lasting_hand_back(lasting, number);
        else if (slot->alive && !slot->killed && !slot->overdue &&
                 slot->coprocess.given)
            parse(lasting, number); /* what needs no bytes for its answer */
        if (slot->ready_due && slot->alive && !slot->killed)
            events->slot(events->context, number, true);
        slot->ready_due = false;
        lasting_mind_time(lasting, number);
    }
}

bool lasting_running(struct lasting *lasting, uint32_t number, uint64_t *ret_seq)
{
    const struct coprocess_task *item = lasting_at_work(&lasting->slots[number]);
    if (item)
        *ret_seq = item->task.seq;
    return item != NULL;
}

void lasting_shift(struct lasting *lasting, int64_t by_us)
{
    for (uint32_t number = 0; number < lasting->stage->slots; number++) {
        struct lasting_slot *slot = &lasting->slots[number];
        int64_t *times[] = {&slot->opened_us, &slot->begun_us,   &slot->burst_us,
                            &slot->heard_us,  &slot->confirm_us, &slot->closed_us,
                            &slot->kill_us};
        for (size_t i = 0; i < sizeof times / sizeof *times; i++)
            if (*times[i])
                *times[i] += by_us;
        lasting_mind_time(lasting, number);
    }
}

/* ---- the end of all ---- */

void lasting_end(struct lasting *lasting)
{
    lasting->ending = true;
    for (uint32_t number = 0; number < lasting->stage->slots; number++) {
        struct lasting_slot *slot = &lasting->slots[number];
        if (slot->coprocess.given > 0)
            lasting_kill_process(lasting, number);
        else
            coprocess_close_input(&slot->coprocess);
    }
}

bool lasting_is_over(const struct lasting *lasting)
{
    for (uint32_t number = 0; number < lasting->stage->slots; number++)
        if (lasting->slots[number].alive)
            return false;
    return true;
}
