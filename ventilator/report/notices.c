/* SPDX-License-Identifier: MIT */
#include "ventilator/report/notices.h"

#include "common/log.h"
#include <inttypes.h>
#include <string.h>

enum { SAID_MAX = 5, NAME_SIZE = 4 * NAME_MAX_BYTES + 3 };

static const char *quote_host(char *text, size_t size, const char *host)
{
    return log_quote(text, size, host, host ? strlen(host) : 0);
}

void notices_say(const struct dispatch_action *action)
{
    char host[NAME_SIZE];
    uint32_t pid = action->worker.pid;
    quote_host(host, sizeof host, action->worker.host);
    switch (action->notice) {
    case NOTICE_UNCONFIRMED:
        say("warning: the worker on %s (process %" PRIu32 ") says that it has results, "
            "but they do not reach the sink: others get its chunks",
            host, pid);
        return;
    case NOTICE_STRAY:
        say("warning: the worker on %s (process %" PRIu32 ") gave results of chunks "
            "that it does not have: others get its chunks",
            host, pid);
        return;
    case NOTICE_UUID:
        say("warning: rejected a worker with the uuid of the worker on %s (process "
            "%" PRIu32 "): each worker makes 16 random bytes when it starts",
            host, pid);
        return;
    case NOTICE_NONCE:
        say("warning: the worker on %s (process %" PRIu32 ") repeats a HELLO with the "
            "same nonce, which is ignored: each HELLO has a higher one",
            host, pid);
        return;
    }
}

void notices_say_unread(const struct dispatch *dispatch, uint32_t peer,
                        const struct message *message)
{
    static unsigned said;
    char host[NAME_SIZE], why[512];
    struct slice text = message->failed.text;
    const char *name = dispatch_peer_host(dispatch, peer);
    if (message->failed.cause != FAILURE_REFERENCE || said++ >= SAID_MAX)
        return;
    quote_host(host, sizeof host, name ? name : "?");
    slice_copy_printable(text, why, sizeof why);
    say("warning: the worker on %s is sent the bytes of chunks, as it cannot read them "
        "in place: %s",
        host, why);
}

void notices_say_refused(const struct dispatch *dispatch, const struct message *message)
{
    static unsigned said;
    char host[NAME_SIZE], text[512];
    struct slice reason = message->refused.text;
    const char *name = dispatch_worker_host(dispatch, &message->refused.uuid);
    quote_host(host, sizeof host, name ? name : "?");
    log_quote(text, sizeof text, reason.data, reason.size);
    log_event(LOG_LEVEL_DEBUG, "refused", "seq=%" PRIu64 " host=%s why=%s",
              message->refused.seq, host, text);
    if (message->refused.cause == FAILURE_REFERENCE)
        return; /* it comes by value: nobody need do anything */
    if (said++ < SAID_MAX)
        say("warning: the sink refuses a result from the worker on %s: %s", host, text);
}
