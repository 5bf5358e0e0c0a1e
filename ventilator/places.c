/* SPDX-License-Identifier: MIT */
#include "ventilator/places.h"

#include "common/clock.h"
#include "common/process/fds.h"
#include "ventilator/join_line.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPORT_US SECOND_US

enum {
    IDLE_TOLD = 32,   /* workers, at a time */
    PLACE_BYTES = 26, /* of a name */
    IDLE_BYTES = 64,  /* of its line */
};

void places_init(struct places *places, int fd)
{
    *places = (struct places){.fd = fd};
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* A launcher that reads nothing any more is about to end. */
void places_tell_tasks(struct places *places, const char *bound)
{
    char line[700];
    if (places->fd < 0)
        return;
    char *endpoint = join_line_reachable(bound);
    int size = snprintf(line, sizeof line, "tasks %s\n", endpoint);
    free(endpoint);
    if (size < (int)sizeof line)
        send(places->fd, line, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- what it tells ---- */

static void take_line(const char *line, struct dispatch *dispatch)
{
    static const char left[] = "left ";
    if (strncmp(line, left, strlen(left)) == 0)
        dispatch_on_excused(dispatch, line + strlen(left));
}

static void take_byte(struct places *places, char byte, struct dispatch *dispatch)
{
    if (byte != '\n') {
        if (places->used < sizeof places->line - 1)
            places->line[places->used++] = byte;
        return;
    }
    places->line[places->used] = '\0';
    places->used = 0;
    take_line(places->line, dispatch);
}

static void hear(struct places *places, struct dispatch *dispatch)
{
    char bytes[512];
    while (places->fd >= 0) {
        ssize_t size = recv(places->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size <= 0)
            fd_close(&places->fd);
        for (ssize_t i = 0; i < size; i++)
            take_byte(places, bytes[i], dispatch);
    }
}

/* ---- what it is told ---- */

/* Chunks that will be cut from the rest of files, if they are as long as those before;
 * false: nobody knows. */
static bool count_rest(const struct places *places, const struct ingest *ingest,
                       uint64_t cut, uint64_t *ret_chunks)
{
    uint64_t bytes = source_bytes(ingest->source), total = source_total(ingest->source);
    if (total <= bytes || !bytes || cut <= places->first)
        return false; /* one that is compressed is longer than its file */
    uint64_t mean = bytes / (cut - places->first) + 1;
    *ret_chunks = (total - bytes) / mean + 1;
    return true;
}

/* A worker may say anything. */
static bool is_word(const char *place)
{
    size_t size = strcspn(place, " \n");
    return size > 0 && size <= PLACE_BYTES && !place[size];
}

static int print_idle(const struct dispatch *dispatch, int64_t now_us, char *text,
                      size_t size)
{
    struct dispatch_idle idle;
    uint32_t cursor = 0;
    int used = 0;
    for (int told = 0;
         told < IDLE_TOLD && dispatch_next_idle(dispatch, &cursor, REPORT_US, &idle);) {
        if (!is_word(idle.place))
            continue;
        used += snprintf(text + used, size - (size_t)used, "idle %s %lld\n", idle.place,
                         (long long)((now_us - idle.since_us) / 1000));
        told++;
    }
    return used;
}

/* An input that has not been tried yet, or is being read, is not known to be full: the
 * next report tells. */
static const char *describe_input(const struct places *places,
                                  const struct ingest *ingest, uint64_t chunks,
                                  uint64_t *ret_rest)
{
    const struct dispatch *dispatch = ingest->dispatch;
    uint64_t cut = dispatch_counts(dispatch).cut;
    if (ingest->state == INGEST_CLOSED)
        return "ended";
    if (ingest->state == INGEST_WAITS || count_rest(places, ingest, cut, ret_rest) ||
        chunks == 0 || dispatch_wants(dispatch) > 0)
        return "open";
    return "full";
}

/* One packet, as a launcher that reads slowly is told the next time. */
static void tell_load(const struct places *places, const struct ingest *ingest,
                      int64_t now_us)
{
    char text[IDLE_TOLD * IDLE_BYTES + 128];
    struct dispatch_counts counts = dispatch_counts(ingest->dispatch);
    uint64_t chunks = dispatch_backlog(ingest->dispatch), rest = 0;
    const char *input = describe_input(places, ingest, chunks, &rest);
    int used = print_idle(ingest->dispatch, now_us, text, sizeof text);
    used += snprintf(text + used, sizeof text - (size_t)used,
                     "load %" PRIu64 " %" PRIu32 " %" PRIu32 " %s\n", chunks + rest,
                     counts.sessions, counts.slots, input);
    send(places->fd, text, (size_t)used, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int64_t places_tick(struct places *places, const struct ingest *ingest, int64_t now_us)
{
    struct dispatch *dispatch = ingest->dispatch;
    hear(places, dispatch);
    dispatch_on_awaited(dispatch, places->fd >= 0);
    if (places->fd < 0 || !dispatch_begun(dispatch))
        return NEVER_US;
    if (!places->report_us)
        places->first = dispatch_counts(dispatch).cut;
    if (now_us >= places->report_us) {
        tell_load(places, ingest, now_us);
        places->report_us = now_us + REPORT_US;
    }
    return places->report_us;
}
