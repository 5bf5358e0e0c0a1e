/* SPDX-License-Identifier: MIT */
/*
 * One pass over /proc/PID/stat tells which process belongs to which slot, and the
 * resident size of each: with all shared pages, and so at least what counts. Only a
 * slot whose sum is above the limit is worth asking for the shares (smaps_rollup),
 * which takes the kernel a walk over the process's pages (some 30 ms a gigabyte). If
 * the answer was below the limit, the watch asks again when the sizes have grown by the
 * rest; or after a while, because a page that is shared no longer changes no size. The
 * length of that while, and the pause between two passes, follow from what they cost.
 * Not every pass reads strangers, which never become a slot's.
 *
 * A process between vfork and exec shows all its parent's memory a second time. The
 * watch asks the kernel whether it is the same memory (kcmp), and because the kernel
 * may not answer everywhere, a slot is over the limit only when two looks, a little
 * apart, say so.
 */
#include "worker/supervisor/memory_watch.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "worker/supervisor/slots/process_stat.h"
#include "worker/supervisor/slots/slot_mark.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /* Between two passes; the shorter one as long as they cost little. */
    PAUSE_US = 100000,
    PAUSE_MAX_US = 1000000,
    /* From the first look that finds too much to the second. */
    CONFIRM_US = 25000,
    /* A twentieth of the time goes to passes, a tenth to asking again where nothing
     * seems to have changed. */
    PASS_SHARE = 20,
    ASK_SHARE = 10,
    /* One of so many passes reads strangers, too: a pid may be another process's
     * now. */
    FRESH_PASSES = 10,
    DEPTH_MAX = 64, /* generations up to a slot's leader */
};

struct list {
    struct process *items;
    size_t count, capacity;
};

struct watched {
    pid_t group;   /* 0: nothing is followed */
    pid_t program; /* its own pid, in whatever group it is; 0: it has ended */
    uint64_t born; /* the program; 0: not known */
    uint32_t turn; /* counts programs: what is left of one is no other's */
    struct slot_mark mark;
    uint64_t resident_bytes; /* in this pass */
    bool seen;               /* some process of it, in this pass */
    uint64_t shares_bytes;   /* as they were last asked for, valid once asked_us */
    uint64_t resident_then;  /* at that time */
    int64_t asked_us;        /* 0: not yet */
    int64_t ask_us;          /* when to ask again anyway */
    bool suspect;            /* above the limit, at the last look */
    bool over;               /* memory_watch_take returns it */
};

struct memory_watch {
    uint64_t limit_bytes;
    uint32_t slots;
    uint32_t followed;
    struct watched *watched;
    struct list now, before; /* the last pass, and the one before, sorted by pid */
    unsigned passes;
    bool fresh; /* this pass reads strangers, too */
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

void memory_watch_follow(struct memory_watch *watch, uint32_t slot, pid_t group,
                         pid_t program)
{
    struct watched *watched = &watch->watched[slot], before = *watched;
    bool same = group && group == before.group && !program;
    if (watch->followed == 0 && group)
        watch->due_us = clock_now_us() + PAUSE_US;
    watch->followed += (group != 0) - (before.group != 0);
    *watched = (struct watched){
        .group = group,
        .program = program,
        .born = same ? before.born : 0,
        .turn = before.turn + !same,
        .mark = before.mark,
    };
    if (!same)
        slot_mark_init(&watched->mark, slot);
}

void memory_watch_mark(struct memory_watch *watch, uint32_t slot,
                       const struct request *request)
{
    struct slot_mark *mark = &watch->watched[slot].mark;
    if (request)
        slot_mark_init_task(mark, slot, request->seq, request->attempt);
    else
        slot_mark_init(mark, slot);
}

/* ---- a pass ---- */

static int compare_pids(const void *a, const void *b)
{
    const struct process *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void add_process(struct list *list, const struct process *process)
{
    list->items = room_for_one_more(list->items, list->count, &list->capacity,
                                    sizeof *list->items);
    list->items[list->count++] = *process;
}

static const struct process *find(const struct list *list, pid_t pid)
{
    struct process key = {.pid = pid};
    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->items, list->count, sizeof key, compare_pids);
}

/* From the pass before; NULL: it was none. A stranger never becomes a slot's. */
static const struct process *known_stranger(const struct memory_watch *watch, pid_t pid)
{
    const struct process *before = watch->fresh ? NULL : find(&watch->before, pid);
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
    } else if (process_read(proc, name, watch->page_bytes, &process)) {
        add_process(&watch->now, &process);
    }
}

static void list_processes(struct memory_watch *watch)
{
    struct list spare = watch->before;
    watch->before = watch->now;
    watch->now = spare;
    watch->now.count = 0;
    watch->fresh = watch->passes++ % FRESH_PASSES == 0;
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

/* By its own pid, which may have left its group. */
static uint32_t slot_of_program(const struct memory_watch *watch, pid_t pid)
{
    uint32_t slot = 0;
    while (slot < watch->slots && watch->watched[slot].program != pid &&
           watch->watched[slot].group != pid)
        slot++;
    return slot;
}

/* It was a slot's in the pass before, and that slot's program is still the same. */
static uint32_t slot_before(const struct memory_watch *watch,
                            const struct process *process)
{
    const struct process *before = find(&watch->before, process->pid);
    bool same = before && before->born == process->born && before->slot < watch->slots;
    return same && watch->watched[before->slot].turn == before->turn ? before->slot
                                                                     : watch->slots;
}

/* A child of ours that has left its group and lost its parent. One that bears no mark
 * and has left our session is of the program that runs, if there is only one. */
static uint32_t slot_of_orphan(const struct memory_watch *watch,
                               const struct process *process)
{
    uint32_t only = watch->slots;
    for (uint32_t slot = 0; slot < watch->slots; slot++) {
        const struct watched *watched = &watch->watched[slot];
        if (!watched->group || process->born < watched->born)
            continue;
        enum slot_mark_answer answer = slot_mark_of(&watched->mark, process->pid);
        if (answer == SLOT_MARK_SAME)
            return slot;
        if (answer == SLOT_MARK_NONE && watch->followed == 1 &&
            getsid(process->pid) != getsid(0))
            only = slot;
    }
    return only;
}

/* By its group, by an ancestor's, by what was known before, or by its mark. */
static uint32_t slot_of(const struct memory_watch *watch, const struct process *process)
{
    pid_t self = getpid();
    for (int depth = 0; process && process->pid > 1 && depth < DEPTH_MAX; depth++) {
        uint32_t slot = slot_of_group(watch, process->group);
        if (slot == watch->slots)
            slot = slot_of_program(watch, process->pid);
        if (slot == watch->slots)
            slot = slot_before(watch, process);
        if (slot == watch->slots && process->parent == self)
            return slot_of_orphan(watch, process);
        if (slot < watch->slots)
            return slot;
        process = find(&watch->now, process->parent);
    }
    return watch->slots;
}

static void note_births(struct memory_watch *watch)
{
    for (uint32_t slot = 0; slot < watch->slots; slot++) {
        struct watched *watched = &watch->watched[slot];
        const struct process *program =
            watched->program ? find(&watch->now, watched->program) : NULL;
        if (program)
            watched->born = program->born;
    }
}

static void assign_processes(struct memory_watch *watch)
{
    for (uint32_t slot = 0; slot < watch->slots; slot++)
        watch->watched[slot].resident_bytes = watch->watched[slot].seen = 0;
    note_births(watch);
    for (size_t i = 0; i < watch->now.count; i++) {
        struct process *process = &watch->now.items[i];
        if (!process->known)
            process->slot = slot_of(watch, process);
        if (process->slot == watch->slots)
            continue;
        process->turn = watch->watched[process->slot].turn;
        watch->watched[process->slot].seen |=
            process->pid != watch->watched[process->slot].group ||
            process->pid == watch->watched[process->slot].program;
        watch->watched[process->slot].resident_bytes += process->resident_bytes;
    }
}

/* ---- a closer look ---- */

/* Between vfork and exec: its memory is its parent's. */
static bool borrows(const struct memory_watch *watch, const struct process *process)
{
    const struct process *parent = find(&watch->now, process->parent);
    return parent && parent->slot == process->slot &&
           syscall(SYS_kcmp, process->pid, parent->pid, KCMP_VM, 0, 0) == 0;
}

static void ask_shares(struct memory_watch *watch, uint32_t slot)
{
    struct watched *watched = &watch->watched[slot];
    int64_t begun_us = clock_now_us();
    watched->shares_bytes = 0;
    for (size_t i = 0; i < watch->now.count; i++) {
        const struct process *process = &watch->now.items[i];
        if (process->slot == slot && !borrows(watch, process))
            watched->shares_bytes +=
                process_share_bytes(process->pid, watch->page_bytes);
    }
    watched->resident_then = watched->resident_bytes;
    watched->asked_us = clock_now_us();
    watched->ask_us = watched->asked_us +
                      (watched->asked_us - begun_us) * ASK_SHARE * watch->followed;
}

/* The most that the slot may use, as far as the sizes tell without asking for
 * shares. */
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

/* True: the slot needs a second look soon. */
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

/* The program has ended, and nothing is left of it. */
static void forget_ended(struct memory_watch *watch)
{
    for (uint32_t slot = 0; slot < watch->slots; slot++) {
        const struct watched *watched = &watch->watched[slot];
        if (watched->group && !watched->program && !watched->seen)
            memory_watch_follow(watch, slot, 0, 0);
    }
}

int64_t memory_watch_tick(struct memory_watch *watch, int64_t now_us)
{
    if (watch->followed == 0 || watch->limit_bytes == UINT64_MAX)
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
    forget_ended(watch);
    pause_us = pause_us > PAUSE_US ? pause_us : PAUSE_US;
    pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    watch->due_us = clock_now_us() + (soon ? CONFIRM_US : pause_us);
    return watch->due_us;
}

/* ---- what is over the limit ---- */

/* Unless its pid is another process's by now; for certain where there is pidfd. */
static void signal_process(const struct memory_watch *watch,
                           const struct process *process, int signal)
{
    char name[16];
    struct process now;
    int handle = pidfd_open(process->pid, 0);
    snprintf(name, sizeof name, "%d", (int)process->pid);
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process_read(proc, name, watch->page_bytes, &now) &&
        now.born == process->born) {
        if (handle >= 0)
            (void)pidfd_send_signal(handle, signal, NULL, 0);
        else
            (void)kill(process->pid, signal);
    }
    fd_close(&proc);
    fd_close(&handle);
}

static void signal_strayed(struct memory_watch *watch, uint32_t slot, int signal)
{
    const struct watched *watched = &watch->watched[slot];
    for (size_t i = 0; i < watch->now.count; i++) {
        const struct process *process = &watch->now.items[i];
        if (process->slot == slot && process->group != watched->group &&
            process->pid != watched->program && process->pid != watched->group)
            signal_process(watch, process, signal);
    }
}

void memory_watch_signal(struct memory_watch *watch, uint32_t slot, int signal)
{
    if (!watch->watched[slot].group)
        return;
    list_processes(watch);
    assign_processes(watch);
    signal_strayed(watch, slot, signal);
}

bool memory_watch_take(struct memory_watch *watch, uint32_t *ret_slot,
                       uint64_t *ret_used_bytes)
{
    uint32_t slot = 0;
    while (slot < watch->slots && !watch->watched[slot].over)
        slot++;
    if (slot == watch->slots)
        return false;
    signal_strayed(watch, slot, SIGKILL);
    *ret_slot = slot;
    *ret_used_bytes = watch->watched[slot].shares_bytes;
    memory_watch_follow(watch, slot, 0, 0);
    return true;
}
