/* SPDX-License-Identifier: MIT */
/*
 * A loan comes back to the slot again and again, so its pages stay mapped; but while
 * others read it, a plugin that still writes to an old result gets SIGSEGV, and changes
 * nothing.
 */
#include "worker/plugin_slot/slot_loans.h"
#include "common/files/open_theirs.h"
#include "common/loan/loan_name.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* of Linux 5.14 */
#endif

static struct shared_memory *find(struct slot_loans *loans, uint64_t inode)
{
    for (unsigned i = 0; i < SLOT_LOANS; i++)
        if (loans->known[i].inode == inode)
            return &loans->known[i].memory;
    return NULL;
}

static bool map(struct shared_memory *memory, uint64_t worker, uint32_t fd,
                uint64_t inode)
{
    struct stat status;
    int own = open_theirs((pid_t)worker, fd, O_RDWR, &status);
    if (own < 0)
        return false;
    if (status.st_ino != inode || !(fcntl(own, F_GET_SEALS) > 0)) {
        close(own);
        return false;
    }
    if (shared_memory_open(memory, own) == 0)
        return true;
    shared_memory_close(memory);
    return false;
}

static void forget(struct slot_loans *loans, unsigned place)
{
    if (loans->known[place].inode)
        shared_memory_close(&loans->known[place].memory);
    loans->known[place].inode = 0;
}

static struct shared_memory *add(struct slot_loans *loans, uint64_t worker, uint32_t fd,
                                 uint64_t inode)
{
    unsigned place = loans->next;
    struct shared_memory *memory = &loans->known[place].memory;
    forget(loans, place);
    if (!map(memory, worker, fd, inode))
        return NULL;
    loans->known[place].inode = inode;
    loans->next = (place + 1) % SLOT_LOANS;
    return memory;
}

struct shared_memory *slot_loans_open(struct slot_loans *loans, uint64_t worker,
                                      uint32_t fd, uint64_t inode, size_t expected)
{
    struct stat status;
    struct shared_memory *memory = find(loans, inode);
    if (!memory)
        memory = add(loans, worker, fd, inode);
    if (!memory || fstat(memory->fd, &status) < 0 ||
        !shared_memory_follow(memory, (size_t)status.st_size) ||
        mprotect(memory->data, memory->mapped, PROT_READ | PROT_WRITE) < 0)
        return NULL;
    /* Pages that are missing come at once. */
    size_t size = LOAN_HEAD + expected;
    (void)madvise(memory->data, size < memory->mapped ? size : memory->mapped,
                  MADV_POPULATE_WRITE);
    return memory;
}

/* The oldest first; the worker keeps no more, either. */
static void forget_much(struct slot_loans *loans)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < SLOT_LOANS; i++)
        bytes += loans->known[i].inode ? loans->known[i].memory.mapped : 0;
    for (unsigned i = 0; i < SLOT_LOANS && bytes > LOANS_KEPT_BYTES; i++) {
        unsigned place = (loans->next + i) % SLOT_LOANS;
        bytes -= loans->known[place].inode ? loans->known[place].memory.mapped : 0;
        forget(loans, place);
    }
}

void slot_loans_shut(struct slot_loans *loans, struct shared_memory *memory)
{
    (void)mprotect(memory->data, memory->mapped, PROT_READ);
    forget_much(loans);
}
