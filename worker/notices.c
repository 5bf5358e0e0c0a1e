/* SPDX-License-Identifier: MIT */
#include "worker/notices.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

void notices_on_welcome(const struct message *message, uint64_t program, bool *said)
{
    if (*said || message->welcome.program == 0 || message->welcome.program == program)
        return;
    *said = true;
    log_event(LOG_LEVEL_WARN, "program_differs",
              "why=\"the first worker of this run has another mode or command\"");
}

void notices_on_stop(const struct message *message,
                     const struct common_options *options, struct program *program)
{
    char reason[512];
    struct slice text = message->stop.text;
    if (message->stop.outcome == OUTCOME_COMPLETE) {
        if (program_take_hint(program, reason, sizeof reason) && !options->quiet)
            say("%s", reason);
        return;
    }
    if (options->supervised) /* who supervises says it */
        return;
    if (text.size)
        say("the run was stopped: %s",
            log_quote(reason, sizeof reason, text.data, text.size));
    else
        say("the run was stopped");
}

void notices_on_end(const char *reason, const struct uplink *uplink)
{
    char trouble[512];
    if (reason[0] && uplink_trouble(uplink, trouble, sizeof trouble))
        say("%s at %s: %s", reason, uplink_endpoint(uplink), trouble);
    else if (reason[0])
        say("%s", reason);
}

void notices_tell_alive(int fd)
{
    if (fd >= 0 && write(fd, "", 1) < 0)
        log_event(LOG_LEVEL_DEBUG, "alive_unsaid", "error=\"%s\"", strerror(errno));
}

void notices_on_doubt(uint64_t from, const char *text)
{
    say("the output is in doubt from chunk %" PRIu64 " on: %s", from, text);
}
