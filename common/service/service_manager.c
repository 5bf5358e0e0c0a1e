/* SPDX-License-Identifier: MIT */
/* A socket a message, as a descriptor that stays open would reach forked user code. */
#include "common/service/service_manager.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_EVERY_US (5 * SECOND_US)
#define RETRY_US        (SECOND_US / 10)

/* A path, or `@` and the name of an abstract socket. */
static socklen_t read_address(struct sockaddr_un *address, const char *path)
{
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address->sun_path ||
        (path[0] != '/' && path[0] != '@'))
        return 0;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
                       (path[0] == '/'));
}

/* A whole number above 0; 0: it is not one. */
static int64_t read_number(const char *text)
{
    char *end;
    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    return errno || *end ? 0 : number;
}

/* Half of the time after which the manager gives us up; 0: it does not, or it watches
 * another process, which started us. */
static int64_t read_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    if (pid && read_number(pid) != getpid())
        return 0;
    return read_number(getenv("WATCHDOG_USEC")) / 2;
}

void service_manager_open(struct service_manager *manager, int64_t now_us)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *manager = (struct service_manager){
        .said_status = true, .status_at_us = now_us, .retry_at_us = now_us};
    manager->address_size = read_address(&manager->address, path);
    if (manager->address_size)
        manager->alive_every_us = read_watchdog();
    else if (path && *path)
        say("warning: NOTIFY_SOCKET is neither a path nor a name behind @: the service "
            "manager does not hear from this program");
    manager->alive_at_us = now_us;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

bool service_manager_listens(const struct service_manager *manager)
{
    return manager->address_size > 0;
}

void service_manager_ready(struct service_manager *manager)
{
    manager->ready = true;
}

void service_manager_stopping(struct service_manager *manager)
{
    manager->stopping = true;
}

void service_manager_status(struct service_manager *manager, const char *format, ...)
{
    char status[SERVICE_STATUS_MAX];
    va_list arguments;
    if (!service_manager_listens(manager))
        return;
    va_start(arguments, format);
    vsnprintf(status, sizeof status, format, arguments);
    va_end(arguments);
    status[strcspn(status, "\n")] = '\0';
    if (strcmp(status, manager->status) == 0)
        return;
    strcpy(manager->status, status);
    manager->said_status = false;
}

/* 0, or -errno. */
static int send_text(const struct service_manager *manager, const char *text)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
                          (const struct sockaddr *)&manager->address,
                          manager->address_size);
    int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

static void warn(struct service_manager *manager, int error)
{
    if (!manager->warned)
        say("warning: cannot tell the service manager at %s%s how this program is: %s",
            manager->address.sun_path[0] ? "" : "@",
            manager->address.sun_path + !manager->address.sun_path[0],
            strerror(-error));
    manager->warned = true;
}

struct due {
    bool ready, stopping, status, alive;
};

/* A state takes its status along. */
static struct due find_due(const struct service_manager *manager, int64_t now_us)
{
    struct due due = {
        .ready = manager->ready && !manager->said_ready,
        .stopping = manager->stopping && !manager->said_stopping,
        .alive = manager->alive_every_us && manager->alive_at_us <= now_us,
    };
    due.status = !manager->said_status &&
                 (due.ready || due.stopping || manager->status_at_us <= now_us);
    return due;
}

static void send_due(struct service_manager *manager, struct due due, int64_t now_us)
{
    char text[SERVICE_STATUS_MAX + 64];
    snprintf(text, sizeof text, "%s%s%s%s%s%s", due.ready ? "READY=1\n" : "",
             due.stopping ? "STOPPING=1\n" : "", due.alive ? "WATCHDOG=1\n" : "",
             due.status ? "STATUS=" : "", due.status ? manager->status : "",
             due.status ? "\n" : "");
    int result = send_text(manager, text);
    if (result == -EAGAIN || result == -ENOBUFS) {
        manager->retry_at_us = now_us + RETRY_US;
        return;
    }
    if (result < 0)
        warn(manager, result);
    manager->said_ready |= due.ready;
    manager->said_stopping |= due.stopping;
    manager->said_status |= due.status;
    if (due.status)
        manager->status_at_us = now_us + STATUS_EVERY_US;
    if (due.alive)
        manager->alive_at_us = now_us + manager->alive_every_us;
}

int64_t service_manager_tick(struct service_manager *manager, int64_t now_us)
{
    int64_t next_us = NEVER_US;
    if (!service_manager_listens(manager))
        return NEVER_US;
    struct due due = find_due(manager, now_us);
    if (due.ready || due.stopping || due.status || due.alive) {
        if (now_us >= manager->retry_at_us)
            send_due(manager, due, now_us);
        if (now_us < manager->retry_at_us)
            return manager->retry_at_us;
    }
    if (manager->alive_every_us)
        next_us = manager->alive_at_us;
    if (!manager->said_status && manager->status_at_us < next_us)
        next_us = manager->status_at_us;
    return next_us;
}
