/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/ventilator_line.h"

#include "common/memory.h"
#include "common/process/fds.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Packets, so that none is ever cut. */
int ventilator_line_open(struct ventilator_line *line)
{
    int ends[2];
    *line = (struct ventilator_line){.fd = -1, .theirs = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    line->fd = ends[0];
    line->theirs = ends[1];
    return 0;
}

void ventilator_line_close(struct ventilator_line *line)
{
    fd_close(&line->fd);
    fd_close(&line->theirs);
    free(line->tasks);
    line->tasks = NULL;
}

void ventilator_line_started(struct ventilator_line *line)
{
    fd_close(&line->theirs);
}

static void take_idle(struct ventilator_line *line, const char *words)
{
    struct scaler_idle *idle = &line->next[line->listed];
    int64_t idle_ms;
    if (line->listed < VENTILATOR_LINE_IDLE &&
        sscanf(words, "slurm/%" SCNu32 ".%" SCNu32 " %" SCNd64, &idle->job,
               &idle->restarts, &idle_ms) == 3) {
        idle->idle_us = idle_ms * 1000;
        line->listed++;
    }
}

static void take_load(struct ventilator_line *line, const char *words)
{
    struct scaler_load load;
    char input[8];
    if (sscanf(words, "%" SCNu64 " %" SCNu32 " %" SCNu32 " %7s", &load.chunks,
               &load.workers, &load.slots, input) != 4)
        return;
    load.input = strcmp(input, "ended") == 0  ? SCALER_INPUT_ENDED
                 : strcmp(input, "open") == 0 ? SCALER_INPUT_OPEN
                                              : SCALER_INPUT_FULL;
    line->load = load;
    line->news = true;
    memcpy(line->idle, line->next, line->listed * sizeof *line->idle);
    line->idle_count = line->listed;
    line->listed = 0;
}

/* What is behind the word; NULL: the text begins with another. */
static const char *behind(const char *text, const char *word)
{
    size_t size = strlen(word);
    return strncmp(text, word, size) == 0 ? text + size : NULL;
}

static void take(struct ventilator_line *line, const char *text)
{
    const char *words;
    if ((words = behind(text, "tasks ")) && !line->tasks)
        line->tasks = allocate_text("%s", words);
    else if ((words = behind(text, "idle ")))
        take_idle(line, words);
    else if ((words = behind(text, "load ")))
        take_load(line, words);
}

void ventilator_line_read(struct ventilator_line *line)
{
    char packet[4096], *rest = packet;
    line->news = false;
    if (line->fd < 0)
        return;
    ssize_t size = recv(line->fd, packet, sizeof packet - 1, MSG_DONTWAIT);
    if (size == 0)
        fd_close(&line->fd);
    if (size <= 0)
        return;
    packet[size] = '\0';
    for (char *text; (text = strtok_r(rest, "\n", &rest));)
        take(line, text);
}

void ventilator_line_excuse(const struct ventilator_line *line, uint32_t job,
                            uint32_t restarts)
{
    char text[64];
    int size = snprintf(text, sizeof text, "left slurm/%lu.%lu\n", (unsigned long)job,
                        (unsigned long)restarts);
    if (line->fd >= 0)
        send(line->fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
