/* SPDX-License-Identifier: MIT */
/* Counts come from dispatch; a rate is the mean since the run began. */
#include "ventilator/report/progress.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/protocol/endpoint_list.h"
#include "ventilator/report/hints.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HINT_US  (1 * SECOND_US) /* it waits so long before it says so */
#define LINKS_US (3 * SECOND_US) /* and so long for connections, which take a while */
#define DRAW_US  (SECOND_US / 10)
#define LATE_US  (60 * SECOND_US) /* a result is not late before that, */
#define PACE_US  (1 * SECOND_US)  /* a run must last so long to have a pace */

enum {
    LATE_TIMES = 10,     /* nor before so many times the longest of the others */
    LEFT_MAX_S = 360000, /* 100 h: it shows no longer time */
};

void progress_init(struct progress *progress, const struct progress_config *config,
                   int64_t now_us)
{
    *progress = (struct progress){
        .endpoint = config->endpoint,
        .quiet = config->quiet,
        .line = config->line,
        .lost = {.quiet = config->quiet || config->watched},
        .min_workers = config->min_workers,
        .block_auto = config->block_auto,
        .draw_us = now_us,
        .began_us = NEVER_US,
    };
}

/* A run that has chunks to give out, and too few workers, waits for workers. */
static enum progress_waits find_peer(const struct progress *progress,
                                     const struct dispatch *dispatch, bool checks)
{
    if (!dispatch_begun(dispatch))
        return PROGRESS_WAITS_SINK;
    if (checks)
        return PROGRESS_WAITS_CHECK;
    struct dispatch_counts counts = dispatch_counts(dispatch);
    bool enough = counts.sent ? counts.sessions > 0
                              : counts.sessions >= progress->min_workers;
    if (counts.cut > counts.released && !enough)
        return PROGRESS_WAITS_WORKERS;
    return counts.sessions && !counts.reaching ? PROGRESS_WAITS_LINKS
                                               : PROGRESS_WAITS_NOTHING;
}

/* A mistake of whoever started the sink, mostly. */
static void warn_of_links(const struct dispatch *dispatch)
{
    char results[512], endpoints[1100];
    endpoint_list_text(dispatch_results(dispatch), results, sizeof results);
    log_event(
        LOG_LEVEL_WARN, "sink_unreached",
        "results=%s workers=%" PRIu32
        " why=\"none of them has a connection to the sink there: is the name known "
        "where they run, and the port open? The sink's --advertise says where "
        "workers reach it\"",
        log_quote(endpoints, sizeof endpoints, (const uint8_t *)results,
                  strlen(results)),
        dispatch_counts(dispatch).sessions);
}

/* Where everybody is there: what keeps the first chunk that is not released. */
static struct wait find_progress(const struct dispatch_wait *wait, bool starved)
{
    static const enum progress_waits kinds[] = {
        [DISPATCH_WAITS_INPUT] = PROGRESS_WAITS_INPUT,
        [DISPATCH_WAITS_WORKER] = PROGRESS_WAITS_WORKER,
        [DISPATCH_WAITS_RESULT] = PROGRESS_WAITS_RESULT,
        [DISPATCH_WAITS_HELD] = PROGRESS_WAITS_HELD,
        [DISPATCH_WAITS_SINK] = PROGRESS_WAITS_OUTPUT,
    };
    enum progress_waits kind = kinds[wait->kind];
    if (kind == PROGRESS_WAITS_INPUT && !starved)
        kind = PROGRESS_WAITS_NOTHING;
    return (struct wait){kind, wait->seq << 8 | (wait->attempt & 255)};
}

static void say_peer(const struct progress *progress, const struct dispatch *dispatch)
{
    char lost[800];
    if (progress->waits.now.kind == PROGRESS_WAITS_SINK)
        say("waiting for a sink at %s ...", progress->endpoint);
    else if (progress->waits.now.kind == PROGRESS_WAITS_CHECK)
        say("reading again what the run had read, to check that it has not changed "
            "...");
    else if (dispatch_lost(dispatch).workers)
        say("waiting for workers; lost so far: %s",
            lost_peers_describe(dispatch, lost, sizeof lost));
    else if (progress->min_workers > 1)
        say("waiting for workers (%" PRIu32 " of %" PRIu32 ") ...",
            dispatch_counts(dispatch).sessions, progress->min_workers);
    else
        say("waiting for workers ...");
}

static const char *quote_host(char *text, size_t size, const struct dispatch_wait *wait)
{
    const char *host = wait->host && *wait->host ? wait->host : "?";
    return log_quote(text, size, host, strlen(host));
}

static void log_wait(const struct progress *progress, const struct dispatch_wait *wait,
                     int64_t now_us)
{
    static const char *const names[] = {
        [PROGRESS_WAITS_INPUT] = "input",   [PROGRESS_WAITS_WORKER] = "worker",
        [PROGRESS_WAITS_RESULT] = "result", [PROGRESS_WAITS_HELD] = "held",
        [PROGRESS_WAITS_OUTPUT] = "output",
    };
    char host[600];
    const char *name = names[progress->waits.now.kind];
    int seconds = waits_seconds(&progress->waits, now_us);
    if (wait->attempt)
        log_event(LOG_LEVEL_INFO, "waits",
                  "for=%s seq=%" PRIu64 " host=%s pid=%" PRIu32 " seconds=%d", name,
                  wait->seq, quote_host(host, sizeof host, wait), wait->pid, seconds);
    else
        log_event(LOG_LEVEL_INFO, "waits", "for=%s seq=%" PRIu64 " seconds=%d", name,
                  wait->seq, seconds);
}

static void say_late(const struct dispatch_wait *wait, int64_t now_us)
{
    char host[600], others[80] = "";
    if (wait->longest_us)
        snprintf(others, sizeof others, "; no other chunk has taken more than %.1f s",
                 (double)wait->longest_us / SECOND_US);
    say("waiting for chunk %" PRIu64 ", which the worker on %s (process %" PRIu32
        ") has had for %d s%s",
        wait->seq, quote_host(host, sizeof host, wait), wait->pid,
        (int)((now_us - wait->since_us) / SECOND_US), others);
}

/* A result that is late by all that is known of the others. */
static void tick_late(struct progress *progress, const struct dispatch_wait *wait,
                      struct wait now, int64_t now_us, int64_t *due_us)
{
    uint64_t times_us = wait->longest_us * LATE_TIMES;
    int64_t late_us = times_us > LATE_US ? (int64_t)times_us : LATE_US;
    int64_t due = wait->since_us + late_us;
    bool awaited = now.kind == PROGRESS_WAITS_RESULT && wait->since_us;
    if (awaited && now_us < due && due < *due_us)
        *due_us = due;
    if (!awaited || now_us < due)
        now.kind = PROGRESS_WAITS_NOTHING;
    if (waits_tick(&progress->late, now, 0, now_us, due_us) && !progress->quiet)
        say_late(wait, now_us);
}

/* Tells what is due. Returns when there may be something to tell. */
static int64_t hint(struct progress *progress, const struct dispatch *dispatch,
                    const struct progress_bytes *bytes, int64_t now_us)
{
    int64_t due_us = NEVER_US;
    struct dispatch_wait wait = dispatch_wait(dispatch);
    enum progress_waits peer = find_peer(progress, dispatch, bytes->checks);
    struct wait now = peer ? (struct wait){.kind = peer}
                           : find_progress(&wait, bytes->starved);
    int64_t first_us = peer == PROGRESS_WAITS_LINKS ? LINKS_US
                       : peer                       ? HINT_US
                                                    : WAITS_US;
    tick_late(progress, &wait, now, now_us, &due_us);
    if (!waits_tick(&progress->waits, now, first_us, now_us, &due_us))
        return due_us;
    if (!peer)
        log_wait(progress, &wait, now_us);
    else if (peer == PROGRESS_WAITS_LINKS)
        warn_of_links(dispatch);
    else if (!progress->quiet)
        say_peer(progress, dispatch);
    return due_us;
}

static uint64_t rate(uint64_t bytes, int64_t us)
{
    return us > 0 ? (uint64_t)((double)bytes * SECOND_US / (double)us) : bytes;
}

/* ", 1:02:03 left" at the pace so far; "" before there is any. */
static const char *describe_left(char *text, size_t size,
                                 const struct progress_bytes *bytes, int64_t us)
{
    text[0] = '\0';
    if (bytes->done == 0 || bytes->done >= bytes->total || us < PACE_US)
        return text;
    double pace = (double)bytes->done / (double)us;
    double left = (double)(bytes->total - bytes->done) / pace / SECOND_US + 0.5;
    unsigned seconds = left < LEFT_MAX_S ? (unsigned)left : LEFT_MAX_S;
    if (seconds >= 3600)
        snprintf(text, size, ", %u:%02u:%02u left", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
    else
        snprintf(text, size, ", %u:%02u left", seconds / 60, seconds % 60);
    return text;
}

/* "10.3 MiB done (2%, 1:20 left)" of a file, "10.3 MiB done, 22.0 MiB read" of input
 * without a known end. */
static void describe(char *text, size_t size, const struct progress_bytes *bytes,
                     int64_t us)
{
    char done[32], read[32], left[32];
    format_size(done, sizeof done, bytes->done);
    double share = bytes->total ? 100 * (double)bytes->done / (double)bytes->total : 0;
    if (bytes->total)
        snprintf(text, size, "%s done (%d%%%s)", done, share < 100 ? (int)share : 100,
                 describe_left(left, sizeof left, bytes, us));
    else
        snprintf(text, size, "%s done, %s read", done,
                 format_size(read, sizeof read, bytes->read));
}

/* "3 retries, 2 chunks with dead letters" */
static const char *describe_troubles(char *text, size_t size,
                                     const struct dispatch_counts *counts,
                                     const char *separator)
{
    /* dispatch gives a chunk up before the sink has written the dead letter. */
    uint64_t dead = counts->dead > counts->given_up ? counts->dead : counts->given_up;
    int used = snprintf(text, size, "%" PRIu64 " %s", counts->retried,
                        counts->retried == 1 ? "retry" : "retries");
    if (dead)
        snprintf(text + used, size - (size_t)used,
                 "%s%" PRIu64 " chunk%s with dead letters", separator, dead,
                 dead == 1 ? "" : "s");
    return text;
}

static void draw(struct progress *progress, const struct dispatch *dispatch,
                 const struct progress_bytes *bytes, int64_t now_us)
{
    struct dispatch_counts counts = dispatch_counts(dispatch);
    int64_t us = now_us - progress->began_us;
    char amount[80], speed[32], troubles[96], text[256];
    describe(amount, sizeof amount, bytes, us);
    snprintf(text, sizeof text,
             "%s  %s/s  %" PRIu64 " of %" PRIu64 " chunks  %" PRIu32 "/%" PRIu32
             " busy  %s",
             amount, format_size(speed, sizeof speed, rate(bytes->done, us)),
             counts.released, counts.cut, counts.busy, counts.slots,
             describe_troubles(troubles, sizeof troubles, &counts, "  "));
    log_status_line(text);
}

/* Of a run that resumes, as soon as its input has proved to be the right one. */
static void say_resumed(struct progress *progress, const struct dispatch *dispatch,
                        const struct progress_bytes *bytes)
{
    char amount[32], before[40] = "";
    uint64_t chunks = progress->first;
    if (progress->quiet || progress->said_resumed || chunks == 0 ||
        dispatch_counts(dispatch).cut == chunks)
        return;
    progress->said_resumed = true;
    if (bytes->before)
        snprintf(before, sizeof before, " (%s)",
                 format_size(amount, sizeof amount, bytes->before));
    say("resuming: %" PRIu64 " chunk%s%s %s done before", chunks,
        chunks == 1 ? "" : "s", before, chunks == 1 ? "was" : "were");
}

/* What was so when it looked last, was so until now. */
static void watch_slots(struct progress *progress, const struct dispatch *dispatch,
                        int64_t now_us)
{
    if (progress->quiet || progress->began_us == NEVER_US)
        return;
    struct dispatch_counts counts = dispatch_counts(dispatch);
    if (progress->looked_us) {
        double us = (double)(now_us - progress->looked_us);
        progress->slot_us += us * counts.slots;
        progress->idle_slot_us += us * progress->idle;
    }
    bool idle = counts.busy < counts.slots && dispatch_waits_for_output(dispatch);
    progress->idle = idle ? counts.slots - counts.busy : 0;
    progress->looked_us = now_us;
    if (counts.slots > progress->slots)
        progress->slots = counts.slots;
}

int64_t progress_tick(struct progress *progress, const struct dispatch *dispatch,
                      const struct progress_bytes *bytes, int64_t now_us)
{
    if (progress->began_us == NEVER_US && dispatch_begun(dispatch)) {
        progress->began_us = now_us;
        progress->first = dispatch_counts(dispatch).cut;
    }
    say_resumed(progress, dispatch, bytes);
    watch_slots(progress, dispatch, now_us);
    int64_t lost_us = lost_peers_tick(&progress->lost, dispatch, now_us);
    int64_t next_us = hint(progress, dispatch, bytes, now_us);
    if (lost_us < next_us)
        next_us = lost_us;
    if (!progress->line || progress->began_us == NEVER_US)
        return next_us;
    if (now_us >= progress->draw_us) {
        draw(progress, dispatch, bytes, now_us);
        progress->draw_us = now_us + DRAW_US;
    }
    return next_us < progress->draw_us ? next_us : progress->draw_us;
}

/* "3 chunks", or "12 chunks (9 of them done before)" of a run that has resumed. */
static const char *describe_chunks(char *text, size_t size, uint64_t chunks,
                                   uint64_t before)
{
    int used =
        snprintf(text, size, "%" PRIu64 " chunk%s", chunks, chunks == 1 ? "" : "s");
    if (before)
        snprintf(text + used, size - (size_t)used, " (%" PRIu64 " of them done before)",
                 before);
    return text;
}

static void say_hints(const struct progress *progress,
                      const struct dispatch_counts *counts,
                      const struct progress_bytes *bytes, int64_t us)
{
    struct run_facts facts = {
        .wall_us = us,
        .slots = progress->slots,
        .bytes = bytes->read,
        .chunks = counts->cut - progress->first,
        .most_records = counts->most_records,
        .troubled = counts->retried || counts->given_up || counts->dead,
        .resumed = progress->first > 0,
        .block_auto = progress->block_auto,
        .longest_us = counts->longest_us,
        .idle_share = progress->slot_us > 0 ? progress->idle_slot_us / progress->slot_us
                                            : 0,
    };
    char text[HINT_SIZE];
    for (int i = 0; i < HINTS; i++)
        if (hint_describe((enum hint)i, &facts, text))
            say("%s", text);
}

/* Counts the whole of a run that has resumed; its pace is that of what was left. */
void progress_end(struct progress *progress, const struct dispatch *dispatch,
                  const struct progress_bytes *bytes, int64_t now_us)
{
    log_status_line(NULL);
    struct verdict verdict = dispatch_verdict(dispatch);
    if (progress->quiet || verdict.outcome != OUTCOME_COMPLETE ||
        progress->began_us == NEVER_US)
        return;
    struct dispatch_counts counts = dispatch_counts(dispatch);
    int64_t us = now_us - progress->began_us;
    char amount[32], whole[64] = "", speed[32], chunks[64], troubles[96], size[32];
    if (bytes->before)
        snprintf(whole, sizeof whole, " (and %s done before)",
                 format_size(size, sizeof size, bytes->before));
    say("%s%s in %.2f s (%s/s), %s, %s",
        format_size(amount, sizeof amount, bytes->read), whole, (double)us / SECOND_US,
        format_size(speed, sizeof speed, rate(bytes->read, us)),
        describe_chunks(chunks, sizeof chunks, counts.cut, progress->first),
        describe_troubles(troubles, sizeof troubles, &counts, ", "));
    say_hints(progress, &counts, bytes, us);
}
