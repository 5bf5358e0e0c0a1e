/* SPDX-License-Identifier: MIT */
/*
 * One pass over /proc/PID/stat tells who belongs to which slot, and the resident size
 * of each: all of it, whoever else shares it, and so at least what is charged. Only
 * where these sums are above the limit the shares are asked for (smaps_rollup), which
 * takes the kernel a walk over the process's pages (some 30 ms a gigabyte). Where it
 * was done once, and they were below, it is done again when the sizes have grown by
 * what was left, or after a while, because a page that is shared no longer grows
 * nothing. How long a while is, and the pause between two passes, follow from what they
 * cost. Strangers, who do not become ours, are not read in every pass.
 *
 * A process between vfork and exec is seen with all its parent's memory, a second time:
 * the kernel is asked whether it is the same (kcmp), and because it may not answer
 * everywhere, a slot is over the limit only when two looks, a little apart, say so.
 */
#include "worker/memory_watch.h"
#include "common/clock.h"
#include "common/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /* Between two passes; as long as they cost little, the shortest. */
    PAUSE_US = 100000,
    PAUSE_MAX_US = 1000000,
    /* From the first look that finds too much to the second. */
    CONFIRM_US = 25000,
    /* A twentieth of the time is for passes, a tenth for asking again where nothing
     * seems to have changed. */
    PASS_SHARE = 20,
    ASK_SHARE = 10,
    /* In one of so many passes strangers are read, too: a number may be another's. */
    FRESH_PASSES = 10,
    DEPTH_MAX = 64, /* of descent that is followed */
};

struct process {
    pid_t pid, parent, group;
    uint64_t born; /* ticks since boot; with the pid, its name */
    uint64_t resident_bytes;
    uint32_t slot; /* watch->slots: none's */
    bool known;    /* as that, from the pass before */
};

struct list {
    struct process *items;
    size_t count, capacity;
};

struct watched {
    pid_t group;             /* 0: nothing is followed */
    uint64_t resident_bytes; /* in this pass */
    uint64_t shares_bytes;   /* as they were last asked for, valid once asked_us */
    uint64_t resident_then;  /* at that time */
    int64_t asked_us;        /* 0: not yet */
    int64_t ask_us;          /* when to do it again anyway */
    bool suspect;            /* above the limit, at the last look */
    bool over;               /* to be taken */
};

struct memory_watch {
    uint64_t limit_bytes;
    uint32_t slots;
    uint32_t followed;
    struct watched *watched;
    struct list now, before; /* of the last pass, and the one before, by pid */
    unsigned passes;
    uint64_t page_bytes;
    int64_t due_us;
};

struct memory_watch *memory_watch_new(uint64_t limit_bytes, uint32_t slots)
{
    struct memory_watch *watch = allocate_zeroed(1, sizeof *watch);
    *watch = (struct memory_watch){
        .limit_bytes = limit_bytes,
        .slots = slots,
        .watched = allocate_zeroed(slots, sizeof *watch->watched),
        .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
    };
    return watch;
}

void memory_watch_destroy(struct memory_watch **watch_p)
{
    struct memory_watch *watch = *watch_p;
    if (!watch)
        return;
    free(watch->watched);
    free(watch->now.items);
    free(watch->before.items);
    free(watch);
    *watch_p = NULL;
}

void memory_watch_follow(struct memory_watch *watch, uint32_t slot, pid_t group)
{
    struct watched *watched = &watch->watched[slot];
    if (watch->followed == 0 && group)
        watch->due_us = clock_now_us() + PAUSE_US;
    watch->followed += (group != 0) - (watched->group != 0);
    *watched = (struct watched){.group = group};
}

/* ---- a pass ------------------------------------------------------------------------
 */

static ssize_t read_file(int directory, const char *path, char *text, size_t size)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got >= 0)
        text[got] = '\0';
    return got;
}

static bool read_process(int proc, const char *name, uint64_t page_bytes,
                         struct process *ret_process)
{
    char path[300], text[1024];
    int parent, group;
    uint64_t born;
    int64_t pages;
    snprintf(path, sizeof path, "%s/stat", name);
    if (read_file(proc, path, text, sizeof text) <= 0)
        return false;
    /* The name, in parentheses, may hold anything. */
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1,
                        " %*c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
                        "%*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
                        &parent, &group, &born, &pages) != 4)
        return false;
    *ret_process = (struct process){
        .pid = (pid_t)strtol(name, NULL, 10),
        .parent = parent,
        .group = group,
        .born = born,
        .resident_bytes = pages > 0 ? (uint64_t)pages * page_bytes : 0,
    };
    return true;
}

static int compare_pids(const void *a, const void *b)
{
    const struct process *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void add_process(struct list *list, const struct process *process)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->items = reallocate(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = *process;
}

static const struct process *find(const struct list *list, pid_t pid)
{
    struct process key = {.pid = pid};
    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->items, list->count, sizeof key, compare_pids);
}

/* As it was, if it was a stranger: nobody becomes ours later. */
static const struct process *known_stranger(const struct memory_watch *watch, pid_t pid)
{
    const struct process *before = find(&watch->before, pid);
    return before && before->slot == watch->slots ? before : NULL;
}

static void list_process(struct memory_watch *watch, int proc, const char *name)
{
    pid_t pid = (pid_t)strtol(name, NULL, 10);
    struct process process;
    const struct process *stranger = known_stranger(watch, pid);
    if (stranger) {
        process = *stranger;
        process.known = true;
        add_process(&watch->now, &process);
    } else if (read_process(proc, name, watch->page_bytes, &process)) {
        add_process(&watch->now, &process);
    }
}

static void list_processes(struct memory_watch *watch)
{
    struct list spare = watch->before;
    watch->before = watch->now;
    watch->now = spare;
    watch->now.count = 0;
    if (watch->passes++ % FRESH_PASSES == 0)
        watch->before.count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            list_process(watch, dirfd(proc), entry->d_name);
    if (proc)
        closedir(proc);
    qsort(watch->now.items, watch->now.count, sizeof *watch->now.items, compare_pids);
}

static uint32_t slot_of_group(const struct memory_watch *watch, pid_t group)
{
    uint32_t slot = group > 0 ? 0 : watch->slots; /* the kernel's own have none */
    while (slot < watch->slots && watch->watched[slot].group != group)
        slot++;
    return slot;
}

/* By its group, or that of whoever it descends from. */
static uint32_t slot_of(const struct memory_watch *watch, const struct process *process)
{
    for (int depth = 0; process && process->pid > 1 && depth < DEPTH_MAX; depth++) {
        uint32_t slot = slot_of_group(watch, process->group);
        if (slot == watch->slots) /* a leader that has left its group */
            slot = slot_of_group(watch, process->pid);
        if (slot < watch->slots)
            return slot;
        process = find(&watch->now, process->parent);
    }
    return watch->slots;
}

static void assign_processes(struct memory_watch *watch)
{
    for (uint32_t slot = 0; slot < watch->slots; slot++)
        watch->watched[slot].resident_bytes = 0;
    for (size_t i = 0; i < watch->now.count; i++) {
        struct process *process = &watch->now.items[i];
        if (!process->known)
            process->slot = slot_of(watch, process);
        if (process->slot < watch->slots)
            watch->watched[process->slot].resident_bytes += process->resident_bytes;
    }
}

/* ---- a closer look -----------------------------------------------------------------
 */

/* Between vfork and exec: what it has is its parent's. */
static bool borrows(const struct memory_watch *watch, const struct process *process)
{
    const struct process *parent = find(&watch->now, process->parent);
    return parent && parent->slot == process->slot &&
           syscall(SYS_kcmp, process->pid, parent->pid, KCMP_VM, 0, 0) == 0;
}

/* Where a process does not let itself be looked at (it has another user's rights), what
 * it has for itself alone is known still. */
static uint64_t private_bytes(const struct memory_watch *watch, pid_t pid)
{
    char path[64], text[256];
    uint64_t resident, shared;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (read_file(AT_FDCWD, path, text, sizeof text) <= 0 ||
        sscanf(text, "%*u %" SCNu64 " %" SCNu64, &resident, &shared) != 2)
        return 0;
    return resident > shared ? (resident - shared) * watch->page_bytes : 0;
}

static uint64_t share_bytes(const struct memory_watch *watch, pid_t pid)
{
    static const char name[] = "\nPss:";
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    ssize_t size = read_file(AT_FDCWD, path, text, sizeof text);
    const char *found = size > 0 ? strstr(text, name) : NULL;
    return found ? strtoull(found + sizeof name - 1, NULL, 10) << 10
                 : private_bytes(watch, pid);
}

static void ask_shares(struct memory_watch *watch, uint32_t slot)
{
    struct watched *watched = &watch->watched[slot];
    int64_t begun_us = clock_now_us();
    watched->shares_bytes = 0;
    for (size_t i = 0; i < watch->now.count; i++) {
        const struct process *process = &watch->now.items[i];
        if (process->slot == slot && !borrows(watch, process))
            watched->shares_bytes += share_bytes(watch, process->pid);
    }
    watched->resident_then = watched->resident_bytes;
    watched->asked_us = clock_now_us();
    watched->ask_us = watched->asked_us +
                      (watched->asked_us - begun_us) * ASK_SHARE * watch->followed;
}

/* What the slot uses at most, as far as one can tell without asking for the shares. */
static uint64_t estimate(const struct watched *watched)
{
    uint64_t grown = 0;
    if (!watched->asked_us)
        return watched->resident_bytes;
    if (watched->resident_bytes > watched->resident_then)
        grown = watched->resident_bytes - watched->resident_then;
    return watched->shares_bytes + grown;
}

static bool is_above(struct memory_watch *watch, uint32_t slot, int64_t now_us)
{
    struct watched *watched = &watch->watched[slot];
    if (watched->resident_bytes <= watch->limit_bytes)
        return false;
    if (estimate(watched) <= watch->limit_bytes && now_us < watched->ask_us)
        return false;
    ask_shares(watch, slot);
    return watched->shares_bytes > watch->limit_bytes;
}

/* True: the slot is to be looked at again soon. */
static bool look_at(struct memory_watch *watch, uint32_t slot, int64_t now_us)
{
    struct watched *watched = &watch->watched[slot];
    if (!watched->group || watched->over)
        return false;
    bool above = is_above(watch, slot, now_us);
    watched->over = above && watched->suspect;
    watched->suspect = above;
    return above && !watched->over;
}

int64_t memory_watch_tick(struct memory_watch *watch, int64_t now_us)
{
    if (watch->followed == 0)
        return NEVER_US;
    if (now_us < watch->due_us)
        return watch->due_us;
    bool soon = false;
    list_processes(watch);
    assign_processes(watch);
    int64_t end_us = clock_now_us();
    int64_t pause_us = (end_us - now_us) * PASS_SHARE;
    for (uint32_t slot = 0; slot < watch->slots; slot++)
        soon |= look_at(watch, slot, now_us);
    pause_us = pause_us > PAUSE_US ? pause_us : PAUSE_US;
    pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    watch->due_us = clock_now_us() + (soon ? CONFIRM_US : pause_us);
    return watch->due_us;
}

/* ---- what is over the limit --------------------------------------------------------
 */

/* Where its number is another's by now, nothing happens. */
static void kill_process(const struct memory_watch *watch,
                         const struct process *process)
{
    char name[16];
    struct process now;
    int handle = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (handle < 0)
        return;
    snprintf(name, sizeof name, "%d", (int)process->pid);
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (read_process(proc, name, watch->page_bytes, &now) && now.born == process->born)
        (void)syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0);
    if (proc >= 0)
        close(proc);
    close(handle);
}

bool memory_watch_take(struct memory_watch *watch, uint32_t *ret_slot,
                       uint64_t *ret_used_bytes)
{
    uint32_t slot = 0;
    while (slot < watch->slots && !watch->watched[slot].over)
        slot++;
    if (slot == watch->slots)
        return false;
    for (size_t i = 0; i < watch->now.count; i++) {
        const struct process *process = &watch->now.items[i];
        if (process->slot == slot && process->group != watch->watched[slot].group)
            kill_process(watch, process);
    }
    *ret_slot = slot;
    *ret_used_bytes = watch->watched[slot].shares_bytes;
    memory_watch_follow(watch, slot, 0);
    return true;
}
