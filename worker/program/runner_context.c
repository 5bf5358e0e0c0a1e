/* SPDX-License-Identifier: MIT */
/* The descriptors of the runner's loop; watching, waking, and asking the starter. */
#include "worker/program/runner_context.h"
#include "common/clock.h"
#include "common/loan/loan_name.h"
#include "common/memory.h"
#include "common/process/cgroup.h"
#include "common/process/fds.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STDERR_WAIT_MS = 8000 }; /* for a reader of the last lines, at the end */

void runner_context_init(struct runner_context *context,
                         const struct program_events *events, uint32_t slots,
                         uint64_t memory_bytes)
{
    *context = (struct runner_context){
        .events = *events,
        .slots = slots,
        .poller = -1,
        .wake = -1,
        .starter = -1,
        .limits = {.fd = -1},
        .unread = {.fd = -1},
        .backoff = {.over = {.fd = -1}},
        .max_result = UINT64_MAX,
        .memory_bytes = memory_bytes,
        .used_bytes = allocate_zeroed(slots, sizeof(uint64_t)),
        .wanted = allocate_zeroed(slots, sizeof(int)),
        .lender = lender_new(LOANS_KEPT * slots, (uint64_t)LOANS_KEPT_BYTES * slots),
    };
    oom_watch_init(&context->oom, CGROUP_PROC);
}

int runner_context_open(struct runner_context *context, uint64_t spare)
{
    lender_limit(context->lender, spare);
    context->poller = epoll_create1(EPOLL_CLOEXEC);
    context->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (context->poller < 0 || context->wake < 0)
        return -errno;
    int result = slot_timers_init(&context->limits, context->slots);
    if (result == 0)
        result = slot_timers_init(&context->unread, 1);
    if (result == 0)
        result = spawn_backoff_init(&context->backoff, context->slots);
    if (result < 0)
        return result;
    runner_context_watch(context, context->wake, TAG_WAKE, 0, EPOLLIN);
    runner_context_watch(context, context->limits.fd, TAG_LIMIT, 0, EPOLLIN);
    runner_context_watch(context, context->unread.fd, TAG_UNREAD, 0, EPOLLIN);
    runner_context_watch(context, context->backoff.over.fd, TAG_BACKOFF, 0, EPOLLIN);
    return 0;
}

void runner_context_relay(struct runner_context *context, const int *errors)
{
    context->relays = allocate_zeroed(context->slots, sizeof *context->relays);
    context->queue = stderr_queue_new(STDERR_FILENO, context->slots, clock_now_us());
    for (uint32_t slot = 0; slot < context->slots; slot++)
        if (errors[slot] >= 0) {
            context->relays[slot] = stderr_relay_new(
                errors[slot], slot, context->slots > 1, context->queue);
            runner_context_watch(context, errors[slot], TAG_STDERR, slot, EPOLLIN);
        }
}

void runner_context_descriptors(const struct runner_context *context,
                                int ret_fds[RUNNER_DESCRIPTORS])
{
    ret_fds[0] = context->poller;
    ret_fds[1] = context->wake;
    ret_fds[2] = context->limits.fd;
    ret_fds[3] = context->backoff.over.fd;
    ret_fds[4] = context->unread.fd;
    int queue = stderr_queue_fd(context->queue);
    ret_fds[5] = queue == STDERR_FILENO ? -1 : queue;
}

/* The last lines, which nobody adds to any more. */
static void relay_rest(struct runner_context *context)
{
    for (uint32_t slot = 0; context->relays && slot < context->slots; slot++) {
        struct stderr_relay *relay = context->relays[slot];
        while (relay && !stderr_relay_try_finish(relay) &&
               stderr_queue_await(context->queue, false, STDERR_WAIT_MS))
            ;
        if (relay)
            stderr_relay_finish(relay);
        stderr_relay_destroy(&context->relays[slot]);
    }
    free(context->relays);
    if (context->queue)
        stderr_queue_finish(context->queue, STDERR_WAIT_MS);
    stderr_queue_destroy(&context->queue);
}

void runner_context_deinit(struct runner_context *context)
{
    relay_rest(context);
    oom_watch_deinit(&context->oom);
    slot_timers_deinit(&context->limits);
    slot_timers_deinit(&context->unread);
    spawn_backoff_deinit(&context->backoff);
    fd_close(&context->poller);
    fd_close(&context->wake);
    lender_destroy(&context->lender);
    free(context->used_bytes);
    free(context->wanted);
}

void runner_context_watch(struct runner_context *context, int fd, enum tag tag,
                          uint32_t slot, uint32_t events)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)tag << 32 | slot};
    /* Fails only for our stderr: it is a file, or watched already. */
    (void)epoll_ctl(context->poller, EPOLL_CTL_ADD, fd, &event);
}

static void unwatch_relays(struct runner_context *context)
{
    for (uint32_t slot = 0; slot < context->slots; slot++)
        epoll_ctl(context->poller, EPOLL_CTL_DEL,
                  stderr_relay_fd(context->relays[slot]), NULL);
}

/* Each time another slot is the first to be read, and the last when the queue is full
 * again. */
static void watch_relays(struct runner_context *context)
{
    context->turn = (context->turn + 1) % context->slots;
    for (uint32_t i = 0; i < context->slots; i++) {
        uint32_t slot = (context->turn + i) % context->slots;
        struct stderr_relay *relay = context->relays[slot];
        if (!stderr_relay_is_over(relay))
            runner_context_watch(context, stderr_relay_fd(relay), TAG_STDERR, slot,
                                 EPOLLIN);
    }
}

void runner_context_settle_stderr(struct runner_context *context, int64_t now_us)
{
    struct stderr_queue *queue = context->queue;
    if (!stderr_queue_push(queue, now_us))
        runner_context_watch(context, stderr_queue_fd(queue), TAG_DRAIN, 0, EPOLLOUT);
    int64_t deadline_us = stderr_queue_deadline(queue);
    /* Not again for the same: a timer that comes late waits a little longer. */
    if (deadline_us != context->unread_us)
        slot_timers_set(&context->unread, 0, deadline_us);
    context->unread_us = deadline_us;
    if (stderr_queue_holds(queue) == context->held)
        return;
    context->held = !context->held;
    if (context->held) {
        unwatch_relays(context);
        return;
    }
    runner_context_wake(context); /* an end may have waited for this */
    watch_relays(context);
}

void runner_context_shift(struct runner_context *context, int64_t by_us)
{
    slot_timers_shift(&context->limits, by_us);
    slot_timers_shift(&context->unread, by_us);
    stderr_queue_shift(context->queue, by_us);
}

void runner_context_wake(struct runner_context *context)
{
    (void)eventfd_write(context->wake, 1);
}

void runner_context_break(struct runner_context *context, int status,
                          const char *format, ...)
{
    if (context->broken)
        return;
    context->broken = true;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->events.broken(context->events.context, status, text);
}

int runner_context_start(struct runner_context *context, struct request *request,
                         const int *fds, unsigned count)
{
    request->kind = REQUEST_START;
    return spawn_link_request(context->starter, request, fds, count);
}

void runner_context_kill(struct runner_context *context, uint32_t slot)
{
    /* If the starter is gone, its link says so. */
    (void)spawn_link_request(context->starter,
                             &(struct request){.kind = REQUEST_KILL, .slot = slot},
                             NULL, 0);
}

int32_t runner_context_settle(struct runner_context *context, uint32_t slot, int output)
{
    struct stat status = {.st_ino = 0};
    struct request request = {.kind = REQUEST_SETTLE, .slot = slot};
    if (output >= 0)
        (void)fstat(output, &status);
    context->settlings = context->settlings < INT32_MAX ? context->settlings + 1 : 1;
    request.token = context->settlings;
    request.output = status.st_ino;
    (void)spawn_link_request(context->starter, &request, NULL, 0);
    return request.token;
}

void runner_context_terminate(struct runner_context *context, uint32_t slot)
{
    (void)spawn_link_request(context->starter,
                             &(struct request){.kind = REQUEST_TERM, .slot = slot},
                             NULL, 0);
}

bool runner_context_lacks(int error)
{
    static const int ours[] = {EAGAIN,
                               ENOMEM,
                               EMFILE,
                               ENFILE,
                               ENOBUFS,
                               ETOOMANYREFS,
                               ETXTBSY /* it is being built */,
                               EPIPE /* the starter is gone */};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (error == ours[i])
            return true;
    return false;
}

enum failure runner_context_judge(struct runner_context *context, int wait_status,
                                  uint32_t *ret_code)
{
    *ret_code = 0;
    if (WIFEXITED(wait_status)) {
        *ret_code = (uint32_t)WEXITSTATUS(wait_status);
        return FAILURE_EXIT;
    }
    if (WTERMSIG(wait_status) == SIGKILL && oom_watch_rose(&context->oom))
        return FAILURE_MEMORY;
    *ret_code = (uint32_t)WTERMSIG(wait_status);
    return FAILURE_SIGNAL;
}

bool runner_context_ended_with_us(struct runner_context *context, int wait_status)
{
    const struct program_events *events = &context->events;
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) != SIGKILL &&
           events->told && events->told(events->context);
}
