/* SPDX-License-Identifier: MIT */
/* Sends requests, and reads the answers with the distrust that a stranger's text
 * needs. */
#include "worker/supervisor/fork_protocol.h"
#include "common/log.h"
#include "worker/supervisor/spawn_link.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 4096 };

int fork_protocol_request(int link, uint32_t slot, const int streams[FORK_STREAMS])
{
    char text[32];
    int length = snprintf(text, sizeof text, "slot %" PRIu32, slot);
    return spawn_link_send(link, text, (size_t)length, streams, FORK_STREAMS,
                           MSG_DONTWAIT);
}

/* Reads a decimal number of at most `most`, and the delimiter after it; returns what
 * follows, NULL: there is no such number. */
static const char *take_number(const char *text, char delimiter, uint64_t most,
                               uint64_t *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || number > most || *end != delimiter)
        return NULL;
    *ret_number = number;
    return *end ? end + 1 : end;
}

static enum fork_word parse(const char *text, struct fork_answer *answer)
{
    uint64_t slot, pid;
    if (strcmp(text, "ready 1") == 0)
        return FORK_READY;
    if (strncmp(text, "slot ", 5) != 0)
        return FORK_NONSENSE;
    text = take_number(text + 5, ' ', UINT32_MAX, &slot);
    if (!text)
        return FORK_NONSENSE;
    answer->slot = (uint32_t)slot;
    if (strncmp(text, "error ", 6) == 0) {
        log_quote(answer->text, sizeof answer->text, text + 6, strlen(text + 6));
        return FORK_ERROR;
    }
    if (!take_number(text, '\0', INT_MAX, &pid) || pid == 0)
        return FORK_NONSENSE;
    answer->pid = (pid_t)pid;
    return FORK_SLOT;
}

void fork_protocol_take(int link, int wait_ms, struct fork_answer *ret_answer)
{
    char text[MESSAGE_MAX + 1];
    struct pollfd polled = {.fd = link, .events = POLLIN};
    *ret_answer = (struct fork_answer){.word = FORK_NOTHING};
    if (poll(&polled, 1, wait_ms) <= 0)
        return;
    ssize_t got = recv(link, text, MESSAGE_MAX, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    ret_answer->word = FORK_GONE;
    if (got <= 0)
        return;
    text[got] = '\0';
    ret_answer->word = parse(text, ret_answer);
    if (ret_answer->word != FORK_ERROR)
        log_quote(ret_answer->text, sizeof ret_answer->text, text, (size_t)got);
}
