/* SPDX-License-Identifier: MIT */
/*
 * Slots with processes that last. When a process ends, what it was at has failed, what
 * it had not begun comes back, and a new process takes its place. One that breaks its
 * mode's rules, or is silent, is killed first; what is to be said of that waits until
 * it has ended.
 *
 * Frames: results are told as they come. Lines: when all of a burst is answered and
 * nothing has followed for a moment; a burst with another number of lines is nobody's
 * fault yet, comes back, and its chunks are run one by one.
 *
 * A time limit counts from when the program turns to a chunk: when the answer before
 * was there; for its first, when it says that it is ready, or has taken some of it.
 * What it needs before that, to prepare itself, is not the chunk's.
 */
#include "worker/lasting.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/coprocess.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READS_MAX = 16,         /* of one slot at a time */
    LAST_READS_MAX = 1024,  /* of one that has ended; what it left may write for ever */
    FRUITLESS_MAX = 10,     /* ends of a slot in a row before it took anything */
    FAULT_MAX = 512,        /* bytes of what is said of a fault */
    CLOSED_US = 1000000,    /* from a closed pipe to the end of the process */
    PREPARE_US = 600000000, /* at most, where there is a time limit */
    LOOK_US = 50000,        /* whether it has taken its first chunk */
    QUIET_US = 1000,        /* after the answers to a burst, at least */
    QUIET_FIRST_US = 20000, /* to the first ones, and where there was trouble */
    QUIET_MAX_US = 100000,
    QUIET_FIRST_BURSTS = 2,
};

struct lasting_slot {
    struct coprocess coprocess;
    bool alive;     /* a process was asked for, and has not ended */
    bool absent;    /* none can be started now */
    bool ready_due; /* tell that it is ready */
    bool prepared;  /* it has said so, taken some of a task, or answered one */
    bool killed;    /* by us: what it says does not count any more */
    bool overdue;   /* its task has run for too long; it was told to end */
    unsigned fruitless;
    unsigned bursts;    /* confirmed in this life */
    int64_t opened_us;  /* when the process was asked for */
    int64_t begun_us;   /* when it turned to the task that it is at */
    int64_t burst_us;   /* lines: when the burst was given */
    int64_t heard_us;   /* when it last wrote, or was given something to do */
    int64_t confirm_us; /* lines: when the burst is confirmed; 0: it is not due */
    int64_t closed_us;  /* since when a pipe of a living process is closed; 0: not */
    int64_t kill_us;    /* when SIGTERM has not been enough; 0: not due */
    enum failure fault; /* valid with fault_text */
    char fault_text[FAULT_MAX]; /* "": none. It is the next task's if none is there */
};

struct lasting {
    struct stage *stage;
    enum program_mode mode;
    int64_t silence_us;
    struct lasting_slot *slots;
    uint32_t careful; /* so many tasks are given alone: one of them made trouble */
    bool ending;      /* nothing is told, nothing is started */
};

/* ---- life and death of a process ---- */

static int start_process(struct lasting *lasting, uint32_t number)
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
    slot->absent = slot->prepared = slot->killed = slot->overdue = false;
    slot->bursts = 0;
    slot->confirm_us = slot->closed_us = slot->kill_us = 0;
    slot->opened_us = clock_now_us();
    stage_watch(lasting->stage, coprocess->output, TAG_OUTPUT, number, EPOLLIN);
    stage_watch(lasting->stage, coprocess->input, TAG_INPUT, number,
                EPOLLOUT | EPOLLET);
    return 0;
}

int lasting_new(struct stage *stage, const struct program_config *config,
                struct lasting **ret_lasting)
{
    struct lasting *lasting = allocate(sizeof *lasting);
    *lasting = (struct lasting){
        .stage = stage,
        .mode = config->mode,
        .silence_us = config->mode == PROGRAM_LINES ? config->silence_us : 0,
        .slots = allocate_zeroed(stage->slots, sizeof *lasting->slots),
    };
    *ret_lasting = lasting;
    for (uint32_t number = 0; number < stage->slots; number++)
        coprocess_init(&lasting->slots[number].coprocess, config->mode);
    for (uint32_t number = 0; number < stage->slots; number++) {
        int result = start_process(lasting, number);
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

/* Whatever it still writes or would take does not matter. */
static void kill_process(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->alive)
        return;
    slot->killed = true;
    stage_kill(lasting->stage, number);
    coprocess_close_pipes(&slot->coprocess);
}

/* The process is of no use any more; slot->fault_text says why. */
static void find_fault(struct lasting *lasting, uint32_t number, enum failure how)
{
    struct lasting_slot *slot = &lasting->slots[number];
    slot->fault = how;
    if (!slot->coprocess.given)
        log_event(LOG_LEVEL_WARN, "fault_between_chunks", "slot=%" PRIu32 " why=\"%s\"",
                  number + 1, slot->fault_text);
    kill_process(lasting, number);
}

/* ---- times ---- */

static struct coprocess_task *at_work(struct lasting_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    /* A response that is not told yet came before all of its request was written. */
    bool early = slot->coprocess.mode == PROGRAM_FRAMES && coprocess->answered > 0;
    uint32_t index = early ? 0 : coprocess->answered;
    return index < coprocess->given ? coprocess_at(coprocess, index) : NULL;
}

static int64_t limit_us(struct lasting_slot *slot)
{
    const struct coprocess_task *item = at_work(slot);
    return item ? item->task.limit_ms * INT64_C(1000) : 0;
}

static int64_t silence_due(const struct lasting *lasting, struct lasting_slot *slot)
{
    if (!lasting->silence_us || !at_work(slot))
        return NEVER_US;
    return slot->heard_us + lasting->silence_us;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t next_time(const struct lasting *lasting, struct lasting_slot *slot)
{
    if (slot->killed || !slot->alive)
        return NEVER_US;
    if (slot->overdue)
        return slot->kill_us ? slot->kill_us : NEVER_US;
    int64_t due_us = silence_due(lasting, slot);
    if (slot->confirm_us)
        due_us = earlier(due_us, slot->confirm_us);
    if (slot->closed_us)
        due_us = earlier(due_us, slot->closed_us + CLOSED_US);
    if (limit_us(slot))
        due_us = earlier(due_us, slot->begun_us + limit_us(slot));
    if (limit_us(slot) && !slot->prepared)
        due_us = earlier(due_us, clock_now_us() + LOOK_US);
    return due_us;
}

static void mind_time(struct lasting *lasting, uint32_t number)
{
    int64_t due_us = next_time(lasting, &lasting->slots[number]);
    alarms_set(&lasting->stage->limits, number, due_us == NEVER_US ? 0 : due_us);
}

/* ---- what is told ---- */

static void tell_unstarted(struct lasting *lasting, uint32_t number,
                           const struct coprocess_task *item)
{
    const struct program_events *events = &lasting->stage->events;
    if (!item->muted && !lasting->ending)
        events->unstarted(events->context, number, item->task.seq, item->task.attempt);
}

static void tell_failed(struct lasting *lasting, uint32_t number,
                        const struct coprocess_task *item, uint64_t run_us,
                        enum failure how, uint32_t code, struct slice text)
{
    const struct program_events *events = &lasting->stage->events;
    if (!item->muted && !lasting->ending)
        events->failed(events->context, number, item->task.seq, item->task.attempt,
                       run_us, how, code, text);
}

static void tell_done(struct lasting *lasting, uint32_t number,
                      const struct coprocess_task *item, uint64_t run_us)
{
    const struct program_events *events = &lasting->stage->events;
    zmq_msg_t message;
    if (item->muted || lasting->ending)
        return;
    coprocess_take_result(&lasting->slots[number].coprocess, &message);
    events->done(events->context, number, item->task.seq, item->task.attempt, run_us,
                 &message);
    zmq_msg_close(&message);
}

/* The program's own words; the last ones say most. */
static void tell_reported(struct lasting *lasting, uint32_t number,
                          const struct coprocess_task *item, uint64_t run_us)
{
    struct slice text = coprocess_answer(&lasting->slots[number].coprocess);
    if (text.size > TEXT_MAX_BYTES) {
        text.data += text.size - TEXT_MAX_BYTES;
        text.size = TEXT_MAX_BYTES;
    }
    if (text.size == 0)
        text = slice_of_text("the program failed and did not say why");
    tell_failed(lasting, number, item, run_us, FAILURE_REPORTED, 1, text);
}

/* The first `count` tasks, which are answered. What the program has written to stderr
 * is theirs, as far as one can tell. */
static void tell_answered(struct lasting *lasting, uint32_t number, uint32_t count,
                          int64_t since_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    struct relay *relay = lasting->stage->relays[number];
    int64_t now_us = clock_now_us();
    if (count == 0)
        return;
    uint64_t run_us = (uint64_t)(now_us - since_us) / count;
    relay_speaker(relay, coprocess_at(coprocess, 0)->task.seq);
    relay_read(relay);
    for (uint32_t i = 0; i < count; i++) {
        const struct coprocess_task *item = coprocess_at(coprocess, 0);
        if (item->good)
            tell_done(lasting, number, item, run_us);
        else
            tell_reported(lasting, number, item, run_us);
        coprocess_pop(coprocess);
    }
    if (coprocess->given == 0)
        relay_end_line(relay);
    slot->fruitless = 0;
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
    mind_time(lasting, number);
}

static void give(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    if (!slot->alive || slot->killed || slot->overdue || slot->closed_us ||
        *slot->fault_text || coprocess->given == coprocess->count)
        return;
    bool idle = !at_work(slot);
    uint32_t before = coprocess->given;
    if (!coprocess_give(coprocess, lasting->careful > 0))
        return;
    if (lasting->careful > 0)
        lasting->careful -= coprocess->given > before;
    if (idle) {
        slot->begun_us = slot->burst_us = slot->heard_us = clock_now_us();
        relay_speaker(lasting->stage->relays[number],
                      coprocess_at(coprocess, before)->task.seq);
    }
    write_input(lasting, number);
    mind_time(lasting, number);
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
    quiet = earlier(earlier(quiet, took_us / 16), QUIET_MAX_US);
    bool wary = slot->bursts < QUIET_FIRST_BURSTS || lasting->careful > 0 ||
                coprocess_at(&slot->coprocess, 0)->task.attempt > 1;
    int64_t least = wary ? QUIET_FIRST_US : QUIET_US;
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
        tell_answered(lasting, number, tellable(slot), slot->begun_us);
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
        tell_answered(lasting, number, tellable(slot), since_us);
    else if (finding == COPROCESS_FINE && coprocess->given > 0 && !at_work(slot) &&
             !slot->confirm_us)
        slot->confirm_us = now_us + quiet_us(lasting, slot, now_us);
    if (finding == COPROCESS_TOO_LARGE)
        find_fault(lasting, number, FAILURE_TOO_LARGE);
    else if (finding != COPROCESS_FINE && finding != COPROCESS_READIED)
        find_fault(lasting, number, FAILURE_PROTOCOL);
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

/* Reads what is there, up to a bound. */
static void hear(struct lasting *lasting, uint32_t number, int reads)
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
        rest_forget(&lasting->stage->rest, number);
        if (slot->overdue) /* as late as never */
            coprocess->heard.size = before;
        else
            parse(lasting, number);
    }
    if (got == COPROCESS_CLOSED && !slot->closed_us)
        slot->closed_us = clock_now_us();
}

/* The burst was answered with as many lines as it has. */
static void confirm(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    slot->confirm_us = 0;
    slot->bursts++;
    tell_answered(lasting, number, slot->coprocess.answered, slot->burst_us);
}

void lasting_on_output(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->alive || slot->killed)
        return;
    hear(lasting, number, READS_MAX);
    give(lasting, number);
    mind_time(lasting, number);
}

/* ---- what goes wrong in time ---- */

static void on_silence(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    uint64_t answered, wanted;
    coprocess_count_lines(&slot->coprocess, &answered, &wanted);
    lines_too_few(slot->fault_text, sizeof slot->fault_text, answered, wanted,
                  (double)lasting->silence_us / 1e6);
    find_fault(lasting, number, FAILURE_PROTOCOL);
}

static void on_closed(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (at_work(slot))
        snprintf(slot->fault_text, sizeof slot->fault_text,
                 "the program closed its standard %s before it had answered",
                 slot->coprocess.output < 0 ? "output" : "input");
    find_fault(lasting, number, FAILURE_PROTOCOL);
}

/* It has taken something of what it was given. */
static bool has_begun(struct lasting_slot *slot)
{
    return slot->coprocess.given > 0 &&
           coprocess_taken(&slot->coprocess) > coprocess_at(&slot->coprocess, 0)->begin;
}

/* What is spent before is for its own preparation, to which we set a limit of ours. */
static void mind_preparation(struct lasting_slot *slot, int64_t now_us)
{
    if (slot->prepared || !at_work(slot))
        return;
    slot->prepared = has_begun(slot);
    if (slot->prepared || now_us - slot->opened_us < PREPARE_US)
        slot->begun_us = now_us;
}

static void on_overdue(struct lasting *lasting, uint32_t number, int64_t now_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    slot->overdue = true;
    slot->kill_us = now_us + STAGE_GRACE_US;
    slot->confirm_us = 0;
    stage_terminate(lasting->stage, number);
}

void lasting_on_time(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    int64_t now_us = clock_now_us();
    if (!slot->alive || slot->killed)
        return;
    if (slot->overdue && slot->kill_us && now_us >= slot->kill_us) {
        slot->kill_us = 0;
        stage_kill(lasting->stage, number);
    }
    if (slot->overdue) {
        mind_time(lasting, number);
        return;
    }
    int64_t confirm_us = slot->confirm_us;
    hear(lasting, number, READS_MAX);
    mind_preparation(slot, now_us);
    if (slot->killed)
        ; /* its end comes */
    else if (slot->confirm_us && slot->confirm_us == confirm_us && now_us >= confirm_us)
        confirm(lasting, number);
    else if (limit_us(slot) && now_us - slot->begun_us >= limit_us(slot))
        on_overdue(lasting, number, now_us);
    else if (now_us >= silence_due(lasting, slot))
        on_silence(lasting, number);
    else if (slot->closed_us && now_us - slot->closed_us >= CLOSED_US)
        on_closed(lasting, number);
    mind_time(lasting, number);
}

/* ---- the end of a process ---- */

static bool is_deserted(const struct lasting *lasting)
{
    for (uint32_t number = 0; number < lasting->stage->slots; number++)
        if (!lasting->slots[number].absent)
            return false;
    return true;
}

static void hand_back(struct lasting *lasting, uint32_t number)
{
    struct coprocess *coprocess = &lasting->slots[number].coprocess;
    while (coprocess->count > 0) {
        tell_unstarted(lasting, number, coprocess_at(coprocess, 0));
        coprocess_pop(coprocess);
    }
}

/* The process could not be started. */
static void rest(struct lasting *lasting, uint32_t number, int error)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct stage *stage = lasting->stage;
    bool lacks = stage_lacks(error);
    slot->alive = false;
    slot->absent = true;
    coprocess_close(&slot->coprocess);
    hand_back(lasting, number);
    mind_time(lasting, number);
    if (lasting->ending)
        return;
    stage->events.slot(stage->events.context, number, false);
    if (!lacks || (rest_begin(&stage->rest, number, error, clock_now_us()) &&
                   is_deserted(lasting)))
        stage_break(stage, lacks ? STATUS_IO : STATUS_CANNOT_EXECUTE,
                    "cannot start the program in slot %" PRIu32 ": %s", number + 1,
                    strerror(error));
}

static void start_again(struct lasting *lasting, uint32_t number)
{
    struct stage *stage = lasting->stage;
    int result = start_process(lasting, number);
    if (result < 0)
        rest(lasting, number, -result);
    else
        stage->events.slot(stage->events.context, number, true);
}

void lasting_on_rested(struct lasting *lasting, uint32_t number)
{
    if (!lasting->ending)
        start_again(lasting, number);
}

/* What the end of a process means for what it was given. */
enum verdict {
    VERDICT_NONE,    /* nobody's fault: all comes back */
    VERDICT_BURST,   /* one of several has made trouble; all come back, to be alone */
    VERDICT_FAULT,   /* the first fails, for what fault_text says */
    VERDICT_OVERDUE, /* it ran for too long */
    VERDICT_ENDED,   /* the program ended while it was at it */
};

static enum verdict judge(struct lasting *lasting, struct lasting_slot *slot)
{
    enum verdict verdict = VERDICT_NONE;
    if (*slot->fault_text)
        verdict = VERDICT_FAULT;
    else if (slot->overdue)
        verdict = VERDICT_OVERDUE;
    else if (!slot->killed && has_begun(slot))
        verdict = VERDICT_ENDED;
    if (slot->coprocess.given == 0)
        return VERDICT_NONE;
    if (verdict != VERDICT_NONE && lasting->mode == PROGRAM_LINES &&
        slot->coprocess.given > 1)
        return VERDICT_BURST;
    return verdict;
}

static const char *describe_end(char *text, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
    return text;
}

/* "the program answered 2 of 5 lines and ended (exit status 1): its last words" */
static void tell_ended(struct lasting *lasting, uint32_t number, int status,
                       uint64_t run_us)
{
    struct coprocess *coprocess = &lasting->slots[number].coprocess;
    char few[160] = "the program had not responded", end[64], text[TEXT_MAX_BYTES];
    struct slice tail = relay_tail(lasting->stage->relays[number]);
    uint64_t answered, wanted;
    uint32_t code = 0;
    enum failure how = FAILURE_PROTOCOL;
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    if (!item->muted && !lasting->ending &&
        stage_tell_memory(lasting->stage, number, &item->task, run_us))
        return;
    if (status != 0)
        how = stage_judge(lasting->stage, status, &code);
    if (lasting->mode == PROGRAM_LINES) {
        coprocess_count_lines(coprocess, &answered, &wanted);
        lines_too_few(few, sizeof few, answered, wanted, 0);
    }
    int used = snprintf(text, sizeof text, "%s when it ended (%s)%s", few,
                        describe_end(end, sizeof end, status), tail.size ? ": " : "");
    size_t room = sizeof text - (size_t)used;
    if (tail.size > room) {
        tail.data += tail.size - room;
        tail.size = room;
    }
    if (tail.size > 0)
        memcpy(text + used, tail.data, tail.size);
    struct slice said = {(const uint8_t *)text, (size_t)used + tail.size};
    tell_failed(lasting, number, coprocess_at(coprocess, 0), run_us, how, code, said);
}

static void tell_guilty(struct lasting *lasting, uint32_t number, enum verdict verdict,
                        int status, uint64_t run_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    const struct coprocess_task *item = coprocess_at(&slot->coprocess, 0);
    if (verdict == VERDICT_FAULT)
        tell_failed(lasting, number, item, run_us, slot->fault, 0,
                    slice_of_text(slot->fault_text));
    else if (verdict == VERDICT_ENDED)
        tell_ended(lasting, number, status, run_us);
    else if (!item->muted && !lasting->ending)
        stage_tell_timeout(lasting->stage, number, &item->task, run_us);
}

/* It is over for what the process was given. */
static void settle_given(struct lasting *lasting, uint32_t number, int status)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    enum verdict verdict = judge(lasting, slot);
    if (verdict == VERDICT_BURST) {
        lasting->careful += coprocess->given;
        *slot->fault_text = '\0';
    } else if (verdict != VERDICT_NONE) {
        uint64_t run_us = (uint64_t)(clock_now_us() - slot->begun_us);
        tell_guilty(lasting, number, verdict, status, run_us);
        coprocess_pop(coprocess);
        *slot->fault_text = '\0';
    }
    if (verdict != VERDICT_NONE || slot->prepared || (slot->killed && !slot->closed_us))
        slot->fruitless = 0;
    else
        slot->fruitless++;
}

/* What it answered before it ended. */
static void settle_answered(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->killed && !slot->overdue)
        hear(lasting, number, LAST_READS_MAX);
    if (lasting->mode == PROGRAM_FRAMES)
        tell_answered(lasting, number, slot->coprocess.answered, slot->begun_us);
    else if (slot->coprocess.given > 0 && !at_work(slot) && !slot->killed)
        confirm(lasting, number);
}

static void give_up(struct lasting *lasting, uint32_t number, int status)
{
    char end[64], said[320];
    struct slice tail = relay_tail(lasting->stage->relays[number]);
    size_t size = tail.size < 256 ? tail.size : 256;
    log_quote(said, sizeof said, tail.data + tail.size - size, size);
    if (lasting->stage->used_bytes[number])
        snprintf(end, sizeof end, "it used more memory than --memory allows");
    else
        describe_end(end, sizeof end, status);
    stage_break(lasting->stage, STATUS_IO,
                "slot %" PRIu32 ": the program ends again and again before it takes a "
                "chunk (%s)%s%s",
                number + 1, end, size ? "; it said: " : "", size ? said : "");
}

static void on_ended(struct lasting *lasting, uint32_t number, int status,
                     bool survivors)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (survivors)
        stage_kill(lasting->stage, number);
    rest_forget(&lasting->stage->rest, number);
    settle_answered(lasting, number);
    relay_finish(lasting->stage->relays[number]);
    slot->alive = false;
    settle_given(lasting, number, status);
    coprocess_close(&slot->coprocess);
    hand_back(lasting, number);
    mind_time(lasting, number);
    if (lasting->ending) {
        if (status != 0 && !slot->killed)
            log_event(LOG_LEVEL_WARN, "ended_badly", "slot=%" PRIu32 " status=%d",
                      number + 1, status);
        return;
    }
    start_again(lasting, number);
    if (slot->fruitless >= FRUITLESS_MAX)
        give_up(lasting, number, status);
}

void lasting_on_report(struct lasting *lasting, const struct report *report)
{
    if (report->slot >= lasting->stage->slots || !lasting->slots[report->slot].alive)
        return;
    if (report->kind == REPORT_ENDED)
        on_ended(lasting, report->slot, report->value, report->survivors);
    else if (report->kind == REPORT_UNSTARTABLE)
        rest(lasting, report->slot, report->value);
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
            kill_process(lasting, number);
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
    tell_guilty(lasting, number, VERDICT_FAULT, 0, 0);
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
            hand_back(lasting, number);
        else if (slot->alive && !slot->killed && !slot->overdue &&
                 slot->coprocess.given)
            parse(lasting, number); /* what needs no bytes for its answer */
        if (slot->ready_due && slot->alive && !slot->killed)
            events->slot(events->context, number, true);
        slot->ready_due = false;
        mind_time(lasting, number);
    }
}

bool lasting_running(struct lasting *lasting, uint32_t number, uint64_t *ret_seq)
{
    const struct coprocess_task *item = at_work(&lasting->slots[number]);
    if (item)
        *ret_seq = item->task.seq;
    return item != NULL;
}

/* ---- the end of all ---- */

void lasting_end(struct lasting *lasting)
{
    lasting->ending = true;
    for (uint32_t number = 0; number < lasting->stage->slots; number++) {
        struct lasting_slot *slot = &lasting->slots[number];
        if (slot->coprocess.given > 0)
            kill_process(lasting, number);
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
