/* SPDX-License-Identifier: MIT */
/*
 * A loan is in one of three states: taken (locked for writing, the caller's), offered
 * (a message's), and back. Back does not mean that nobody reads it: a borrower may have
 * it for long after the message is gone; the lock tells, when it is to be taken again.
 */
#include "common/loan/lender.h"

#include "common/loan/loan_name.h"
#include "common/memory.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum loan_state {
    LOAN_TAKEN,
    LOAN_OFFERED,
    LOAN_BACK,
    LOAN_LEFT, /* offered, and its lender is gone */
};

struct loan {
    LIST_ENTRY(loan) others;
    struct lender *lender; /* only the lender's thread may use it */
    _Atomic int state;     /* enum loan_state */
    uint64_t bytes;        /* of the memory, when it was taken or offered */
    struct loan_name name;
    uint8_t packed[LOAN_NAME_MAX];
};

struct lender {
    LIST_HEAD(, loan) loans;
    uint64_t count; /* of them */
    uint64_t most;
    uint32_t kept;
    uint64_t kept_bytes;
};

struct lender *lender_new(uint32_t kept, uint64_t kept_bytes)
{
    struct lender *lender = allocate_zeroed(1, sizeof *lender);
    lender->kept = kept;
    lender->kept_bytes = kept_bytes;
    lender->most = UINT64_MAX;
    LIST_INIT(&lender->loans);
    return lender;
}

void lender_limit(struct lender *lender, uint64_t most)
{
    lender->most = most;
}

static void destroy(struct loan *loan)
{
    (void)close((int)loan->name.fd);
    free(loan);
}

void lender_destroy(struct lender **lender_p)
{
    struct lender *lender = *lender_p;
    struct loan *loan;
    if (!lender)
        return;
    while ((loan = LIST_FIRST(&lender->loans))) {
        LIST_REMOVE(loan, others);
        if (atomic_exchange(&loan->state, LOAN_LEFT) != LOAN_OFFERED)
            destroy(loan);
    }
    free(lender);
    *lender_p = NULL;
}

static void remove_loan(struct lender *lender, struct loan *loan)
{
    LIST_REMOVE(loan, others);
    lender->count--;
    destroy(loan);
}

static bool lock(const struct loan *loan, short type)
{
    struct flock all = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl((int)loan->name.fd, F_OFD_SETLK, &all) == 0;
}

/* ---- taken ---- */

/* Whoever writes to it may make it longer. */
static bool measure(struct loan *loan)
{
    struct stat status;
    if (fstat((int)loan->name.fd, &status) < 0)
        return false;
    loan->bytes = (uint64_t)status.st_size;
    return true;
}

static bool prepare(struct loan *loan, uint64_t size)
{
    int fd = (int)loan->name.fd;
    if (size > INT64_MAX - LOAN_HEAD || !measure(loan))
        return false;
    if (loan->bytes < LOAN_HEAD + size) {
        loan->bytes = LOAN_HEAD + size;
        if (ftruncate(fd, (off_t)loan->bytes) < 0)
            return false;
    }
    loan->name.number++;
    return pwrite(fd, &loan->name.number, sizeof loan->name.number, 0) ==
           sizeof loan->name.number;
}

static struct loan *make(struct lender *lender)
{
    struct stat status;
    if (lender->count >= lender->most)
        return NULL;
    int fd = memfd_create("fanfold-result", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        close(fd);
        return NULL;
    }
    struct loan *loan = allocate_zeroed(1, sizeof *loan);
    loan->name = (struct loan_name){.fd = (uint64_t)fd, .inode = status.st_ino};
    loan->lender = lender;
    LIST_INSERT_HEAD(&lender->loans, loan, others);
    lender->count++;
    return loan;
}

void lender_trim(struct lender *lender)
{
    struct loan *loan, *next;
    uint32_t back = 0;
    uint64_t bytes = 0;
    for (loan = LIST_FIRST(&lender->loans); loan; loan = next) {
        next = LIST_NEXT(loan, others);
        if (atomic_load(&loan->state) != LOAN_BACK)
            continue;
        bytes += loan->bytes;
        if (++back > lender->kept || bytes > lender->kept_bytes)
            remove_loan(lender, loan);
    }
}

/* One that came back, and that nobody reads. */
static struct loan *find(const struct lender *lender)
{
    struct loan *loan;
    LIST_FOREACH (loan, &lender->loans, others)
        if (atomic_load(&loan->state) == LOAN_BACK && lock(loan, F_WRLCK))
            return loan;
    return NULL;
}

struct loan *lender_take(struct lender *lender, uint64_t size)
{
    lender_trim(lender);
    struct loan *loan = find(lender);
    if (!loan)
        loan = make(lender);
    if (!loan)
        return NULL;
    atomic_store(&loan->state, LOAN_TAKEN);
    if (lock(loan, F_WRLCK) && prepare(loan, size))
        return loan;
    remove_loan(lender, loan);
    return NULL;
}

int loan_fd(const struct loan *loan)
{
    return (int)loan->name.fd;
}

uint64_t loan_inode(const struct loan *loan)
{
    return loan->name.inode;
}

void loan_drop(struct loan *loan)
{
    remove_loan(loan->lender, loan);
}

/* ---- offered ---- */

/* The last copy of the message is closed, by whichever thread. */
static void come_back(void *packed, void *hint)
{
    struct loan *loan = hint;
    int offered = LOAN_OFFERED;
    (void)packed;
    if (!atomic_compare_exchange_strong(&loan->state, &offered, LOAN_BACK))
        destroy(loan);
}

void loan_offer(struct loan *loan, zmq_msg_t *ret_message)
{
    size_t size = loan_name_pack(&loan->name, loan->packed);
    (void)measure(loan);
    (void)lock(loan, F_UNLCK);
    atomic_store(&loan->state, LOAN_OFFERED);
    if (zmq_msg_init_data(ret_message, loan->packed, size, come_back, loan))
        abort_out_of_memory();
}

static bool write_all_at(int fd, struct slice bytes, off_t from)
{
    for (size_t done = 0; done < bytes.size;) {
        ssize_t wrote =
            pwrite(fd, bytes.data + done, bytes.size - done, from + (off_t)done);
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

bool lender_copy(struct lender *lender, struct slice bytes, zmq_msg_t *ret_message)
{
    struct loan *loan = lender_take(lender, bytes.size);
    if (!loan)
        return false;
    bool there = write_all_at(loan_fd(loan), bytes, LOAN_HEAD);
    if (there)
        loan_offer(loan, ret_message);
    else
        loan_drop(loan);
    return there;
}
