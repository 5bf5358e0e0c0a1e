/* SPDX-License-Identifier: MIT */
/*
 * The mark lies in memory that both processes have. A sink that somebody has stopped
 * while it wrote is no sink that waits for a file system: the helper asks the kernel.
 */
#include "sink/stall_watch.h"

#include "common/clock.h"
#include "common/helper/helper_process.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/uplink.h"
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NAME_SIZE = 512, STOP_MS = 1000 };

#define PERIOD_LEAST_US (SECOND_US / 20)
#define PERIOD_MOST_US  (5 * SECOND_US / 2)

/* What the sink writes, and the helper reads. */
struct shared {
    _Atomic int64_t since_us; /* it is in a file system; 0: it is not */
    _Atomic int place;
    _Atomic int64_t period_us; /* of the helper's looks */
    _Atomic bool met;          /* the next two are valid */
    char endpoint[NAME_SIZE];
    struct id incarnation;
    _Atomic bool knows; /* the ventilator, what STALLED is */
    char places[STALL_PLACES][NAME_SIZE];
};

struct stall_watch {
    struct helper_process helper;
    struct shared *shared;
    struct curve curve;
    bool has_curve, quiet;
    int64_t stalled_us; /* not yet taken */
};

/* A quarter of the liveness time: so a STALLED that is late is still in time. */
static int64_t period_of(int64_t liveness_us)
{
    int64_t period_us = liveness_us / 4;
    if (period_us > PERIOD_MOST_US)
        return PERIOD_MOST_US;
    return period_us < PERIOD_LEAST_US ? PERIOD_LEAST_US : period_us;
}

/* ---- in the helper ---- */

struct stall {
    int64_t since_us; /* of the stall that is under way; 0: none is */
    int place;
    struct uplink *uplink; /* NULL: nothing was told of it */
    bool said;
};

/* Also where it is traced, or gone. */
static bool is_stopped(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && strlen(name_end) > 2 && strchr("TtZX", name_end[2]) != NULL;
}

static void tell_ventilator(const struct stall_watch *watch, struct stall *stall,
                            int64_t now_us)
{
    char error[512];
    struct shared *shared = watch->shared;
    if (!shared->knows)
        return;
    if (!stall->uplink) {
        if (transport_init(error, sizeof error) < 0)
            return;
        stall->uplink =
            uplink_new(shared->endpoint, watch->has_curve ? &watch->curve : NULL);
        uplink_connect(stall->uplink);
    }
    uplink_tick(stall->uplink, now_us);
    struct message message = {
        .type = MESSAGE_STALLED,
        .stalled = {.incarnation = shared->incarnation,
                    .waited_ms = (uint64_t)(now_us - stall->since_us) / 1000,
                    .text = slice_of_text(shared->places[stall->place])},
    };
    uplink_send(stall->uplink, &message);
}

static void tell_person(const struct stall_watch *watch, struct stall *stall)
{
    if (!stall->said && !watch->quiet)
        say("waiting for the file system of %s, which does not answer",
            watch->shared->places[stall->place]);
    stall->said = true;
}

static void end_stall(const struct stall_watch *watch, struct stall *stall,
                      int64_t now_us)
{
    if (stall->said && !watch->quiet)
        say("the file system of %s answers again, after %lld s",
            watch->shared->places[stall->place],
            (long long)((now_us - stall->since_us) / SECOND_US));
    uplink_destroy(&stall->uplink);
    *stall = (struct stall){0};
}

static void look(const struct stall_watch *watch, struct stall *stall, pid_t sink)
{
    struct shared *shared = watch->shared;
    int64_t now_us = clock_now_us(), since_us = shared->since_us;
    int64_t period_us = shared->period_us;
    if (stall->since_us && since_us != stall->since_us)
        end_stall(watch, stall, now_us);
    if (!since_us || !shared->met || now_us - since_us < period_us || is_stopped(sink))
        return;
    stall->since_us = since_us;
    stall->place = shared->place;
    tell_ventilator(watch, stall, now_us);
    if (now_us - since_us >= 2 * period_us)
        tell_person(watch, stall);
}

static void live(int socket, int kept, void *context)
{
    const struct stall_watch *watch = context;
    struct pollfd sink = {.fd = socket, .events = POLLIN};
    struct stall stall = {0};
    pid_t parent = getppid();
    int gone;
    (void)kept;
    do {
        gone = poll(&sink, 1, (int)(watch->shared->period_us / 1000));
        if (gone == 0)
            look(watch, &stall, parent);
    } while (gone == 0 || (gone < 0 && errno == EINTR));
    /* The last thing that the sink had to do. */
    if (stall.since_us && watch->shared->since_us != stall.since_us)
        end_stall(watch, &stall, clock_now_us());
}

/* ---- in the sink ---- */

int stall_watch_start(const struct stall_watch_config *config,
                      struct stall_watch **ret_watch)
{
    struct stall_watch *watch = allocate_zeroed(1, sizeof *watch);
    watch->shared = mmap(NULL, sizeof *watch->shared, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watch->shared == MAP_FAILED) {
        int error = errno;
        free(watch);
        return -error;
    }
    watch->quiet = config->quiet;
    watch->has_curve = config->curve != NULL;
    if (config->curve)
        watch->curve = *config->curve;
    watch->shared->period_us = period_of(config->liveness_us);
    for (int i = 0; i < STALL_PLACES; i++)
        snprintf(watch->shared->places[i], NAME_SIZE, "%s", config->places[i]);
    int result = helper_process_start(&(struct helper_task){.name = "fanfold-stall",
                                                            .work = live,
                                                            .context = watch,
                                                            .kept = -1,
                                                            .talks = true},
                                      &watch->helper);
    if (result < 0)
        stall_watch_stop(&watch);
    else
        *ret_watch = watch;
    return result;
}

void stall_watch_stop(struct stall_watch **watch_p)
{
    struct stall_watch *watch = *watch_p;
    if (!watch)
        return;
    helper_process_stop(&watch->helper, STOP_MS);
    munmap(watch->shared, sizeof *watch->shared);
    free(watch);
    *watch_p = NULL;
}

void stall_watch_meet(struct stall_watch *watch, const char *endpoint,
                      const struct id *incarnation)
{
    snprintf(watch->shared->endpoint, NAME_SIZE, "%s", endpoint);
    watch->shared->incarnation = *incarnation;
    watch->shared->met = true;
}

void stall_watch_welcomed(struct stall_watch *watch, bool knows, int64_t liveness_us)
{
    watch->shared->knows = knows;
    watch->shared->period_us = period_of(liveness_us);
}

void stall_watch_enter(struct stall_watch *watch, enum stall_place place)
{
    watch->shared->place = place;
    watch->shared->since_us = clock_now_us();
}

void stall_watch_leave(struct stall_watch *watch)
{
    int64_t stood_us = clock_now_us() - watch->shared->since_us;
    watch->shared->since_us = 0;
    if (stood_us >= watch->shared->period_us)
        watch->stalled_us += stood_us;
}

int64_t stall_watch_take_stalled(struct stall_watch *watch)
{
    int64_t stalled_us = watch->stalled_us;
    watch->stalled_us = 0;
    return stalled_us;
}
