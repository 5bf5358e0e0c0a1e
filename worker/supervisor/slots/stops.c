/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/stops.h"
#include "common/clock.h"
#include "worker/supervisor/slots/process_stat.h"

#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who limits a program's share of a processor stops it many times a second. */
static const int64_t lasts_us = SECOND_US;

void stop_begin(struct stop *stop, pid_t pid, int signal, int64_t now_us)
{
    *stop = (struct stop){.pid = pid, .signal = signal, .since_us = now_us};
}

void stop_end(struct stop *stop)
{
    *stop = (struct stop){.pid = 0};
}

bool stop_lasts(struct stop *stop, int64_t now_us, int64_t *due_us)
{
    int64_t due = stop->since_us + lasts_us;
    if (stop->pid == 0 || stop->signal == 0 || stop->told)
        return false;
    if (now_us < due) {
        *due_us = due < *due_us ? due : *due_us;
        return false;
    }
    stop->told = true;
    return true;
}

bool stop_see(struct stop *stop, pid_t pid, int64_t now_us)
{
    if (stop->pid && stop->signal)
        return false; /* the child itself is stopped */
    if (pid == 0 || pid != stop->pid) {
        stop_begin(stop, pid, 0, now_us);
        return false;
    }
    bool news = !stop->told;
    stop->told = true;
    return news;
}

bool stops_take(pid_t *ret_pid, int *ret_signal)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG) < 0 ||
        info.si_pid == 0)
        return false;
    *ret_pid = info.si_pid;
    *ret_signal = info.si_code == CLD_STOPPED ? info.si_status : 0;
    return true;
}

static void add_if_stopped(struct children *stopped, int proc, const char *name)
{
    struct process process;
    if (process_read(proc, name, 0, &process) && process.stopped)
        children_add(stopped, (struct child_process){process.pid, process.group});
}

static void add_of_host(struct children *stopped, DIR *proc)
{
    for (struct dirent *entry; (entry = readdir(proc));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            add_if_stopped(stopped, dirfd(proc), entry->d_name);
}

static void add_of(struct children *stopped, int proc, const struct children *processes)
{
    for (size_t i = 0; i < processes->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", (int)processes->items[i].pid);
        add_if_stopped(stopped, proc, name);
    }
}

/* The process to which those go that lose their parent. */
static pid_t find_subreaper(void)
{
    int subreaper = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    return subreaper ? getpid() : getppid();
}

void stops_list(struct children *ret_stopped)
{
    struct children stopped = {NULL, 0}, below;
    DIR *proc = opendir("/proc");
    if (proc && descendants_list_below(find_subreaper(), &below)) {
        add_of(&stopped, dirfd(proc), &below);
        children_deinit(&below);
    } else if (proc) {
        add_of_host(&stopped, proc);
    }
    if (proc)
        closedir(proc);
    *ret_stopped = stopped;
}

pid_t stops_find(const struct children *stopped, pid_t group, pid_t leader, pid_t child)
{
    for (size_t i = 0; i < stopped->count; i++) {
        const struct child_process *item = &stopped->items[i];
        if (item->group == group && item->pid != leader && item->pid != child)
            return item->pid;
    }
    return 0;
}
