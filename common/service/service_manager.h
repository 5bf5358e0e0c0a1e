/* SPDX-License-Identifier: MIT */
/*
 * What a service manager, as systemd, hears of this process: the messages of
 * sd_notify(3). Where nobody asked for them by NOTIFY_SOCKET, none of this does
 * anything. Nothing here blocks, and nothing fails: what the manager does not take now
 * is sent again by the next ticks.
 */
#ifndef FANFOLD_COMMON_SERVICE_SERVICE_MANAGER_H
#define FANFOLD_COMMON_SERVICE_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { SERVICE_STATUS_MAX = 256 };

struct service_manager {
    struct sockaddr_un address;
    socklen_t address_size; /* 0: nobody listens */
    int64_t alive_every_us; /* 0: the manager wants no signs of life */
    int64_t alive_at_us;    /* the next sign of life; valid if it wants some */
    int64_t status_at_us;   /* the next status at the earliest */
    int64_t retry_at_us;  /* nothing is sent before, as the manager's queue was full */
    bool ready, stopping; /* this is so */
    bool said_ready, said_stopping, said_status;
    bool warned; /* that the manager cannot be reached */
    char status[SERVICE_STATUS_MAX];
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that
 * no program that this one starts speaks in its place: call it before the first of them
 * starts. */
void service_manager_open(struct service_manager *manager, int64_t now_us);
/* Whether somebody listens: a status need not be made for nobody. */
bool service_manager_listens(const struct service_manager *manager);

/* From now on it is ready, or is about to end; the second call is as good as one. */
void service_manager_ready(struct service_manager *manager);
void service_manager_stopping(struct service_manager *manager);
/* A line for `systemctl status`. It is sent when it differs from the last one, and not
 * more often than once in five seconds. */
void service_manager_status(struct service_manager *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends what is due; returns when it must be called again. A loop that stands still
 * gives no sign of life, and the manager ends the process. */
int64_t service_manager_tick(struct service_manager *manager, int64_t now_us);

#endif
