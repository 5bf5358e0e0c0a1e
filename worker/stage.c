/* SPDX-License-Identifier: MIT */
/* The few things that slots of both modes do with what they share. */
#include "worker/stage.h"
#include "common/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

void stage_watch(struct stage *stage, int fd, enum tag tag, uint32_t slot,
                 uint32_t events)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)tag << 32 | slot};
    /* Fails only for our stderr if that is a file, which is always writable. */
    (void)epoll_ctl(stage->poller, EPOLL_CTL_ADD, fd, &event);
}

void stage_wake(struct stage *stage)
{
    (void)eventfd_write(stage->wake, 1);
}

void stage_break(struct stage *stage, int status, const char *format, ...)
{
    if (stage->broken)
        return;
    stage->broken = true;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    stage->events.broken(stage->events.context, status, text);
}

void stage_kill(struct stage *stage, uint32_t slot)
{
    /* If it is gone, its link says so. */
    (void)link_request(stage->starter,
                       &(struct request){.kind = REQUEST_KILL, .slot = slot}, NULL, 0);
}

void stage_terminate(struct stage *stage, uint32_t slot)
{
    (void)link_request(stage->starter,
                       &(struct request){.kind = REQUEST_TERM, .slot = slot}, NULL, 0);
}

void stage_tell_timeout(struct stage *stage, uint32_t slot,
                        const struct program_task *task, uint64_t run_us)
{
    char sentence[64];
    struct slice text = relay_tail(stage->relays[slot]);
    snprintf(sentence, sizeof sentence, "ran longer than %g s", task->limit_ms / 1e3);
    if (text.size == 0)
        text = slice_of_text(sentence);
    stage->events.failed(stage->events.context, slot, task->seq, task->attempt, run_us,
                         FAILURE_TIMEOUT, 0, text);
}

bool stage_tell_memory(struct stage *stage, uint32_t slot,
                       const struct program_task *task, uint64_t run_us)
{
    enum { SENTENCE_MAX = 128 };
    char used[32], allowed[32];
    uint8_t text[TEXT_MAX_BYTES];
    struct slice tail = relay_tail(stage->relays[slot]);
    if (stage->used_bytes[slot] == 0)
        return false;
    format_size(used, sizeof used, stage->used_bytes[slot]);
    format_size(allowed, sizeof allowed, stage->memory_bytes);
    /* At the end, because it is the beginning that is cut where there is no room. */
    size_t room = sizeof text - SENTENCE_MAX;
    size_t size = tail.size < room ? tail.size : room;
    memcpy(text, tail.data + tail.size - size, size);
    if (size > 0 && text[size - 1] != '\n')
        text[size++] = '\n';
    size += (size_t)snprintf((char *)text + size, SENTENCE_MAX - 1,
                             "used %s of memory, --memory allows %s", used, allowed);
    stage->events.failed(stage->events.context, slot, task->seq, task->attempt, run_us,
                         FAILURE_MEMORY, FAILURE_MEMORY_LIMIT,
                         (struct slice){text, size});
    return true;
}

bool stage_lacks(int error)
{
    static const int ours[] = {EAGAIN,  ENOMEM,       EMFILE, ENFILE,
                               ENOBUFS, ETOOMANYREFS, EPIPE /* the starter is gone */};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (error == ours[i])
            return true;
    return false;
}

enum failure stage_judge(struct stage *stage, int wait_status, uint32_t *ret_code)
{
    *ret_code = 0;
    if (WIFEXITED(wait_status)) {
        *ret_code = (uint32_t)WEXITSTATUS(wait_status);
        return FAILURE_EXIT;
    }
    if (WTERMSIG(wait_status) == SIGKILL && oom_watch_rose(&stage->oom))
        return FAILURE_MEMORY;
    *ret_code = (uint32_t)WTERMSIG(wait_status);
    return FAILURE_SIGNAL;
}
