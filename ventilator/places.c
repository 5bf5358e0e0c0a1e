/* SPDX-License-Identifier: MIT */
#include "ventilator/places.h"

#include "common/process/fds.h"
#include "ventilator/join_line.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

void places_read(struct places *places, struct dispatch *dispatch)
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
