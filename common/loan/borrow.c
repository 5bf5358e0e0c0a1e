/* SPDX-License-Identifier: MIT */
/*
 * A descriptor's number may be another memory's by now: the inode tells. And the memory
 * may be lent for something else by now: its own number tells, which cannot change once
 * we have the lock.
 *
 * The mapping keeps the open file, and with it the lock, when the descriptor is closed.
 */
#include "common/loan/borrow.h"

#include "common/files/open_theirs.h"
#include "common/loan/loan_name.h"
#include "common/memory.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool lock(int fd)
{
    struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &all) == 0;
}

static bool is_right(int fd, const struct stat *status, const struct loan_name *name,
                     uint64_t length)
{
    int seals = fcntl(fd, F_GET_SEALS); /* -1: it is no such memory */
    return seals >= 0 && seals & F_SEAL_SHRINK && status->st_ino == name->inode &&
           (uint64_t)status->st_size >= LOAN_HEAD + length;
}

/* The descriptor of the memory, or -1. */
static int open_memory(const struct loan_name *name, uint64_t length, pid_t lender)
{
    struct stat status;
    int fd = open_theirs(lender, name->fd, O_RDONLY, &status);
    if (fd < 0 || (is_right(fd, &status, name, length) && lock(fd)))
        return fd;
    close(fd);
    return -1;
}

static void give_back(void *data, void *hint)
{
    (void)munmap((uint8_t *)data - LOAN_HEAD, LOAN_HEAD + (size_t)(uintptr_t)hint);
}

bool loan_borrow(zmq_msg_t *message, uint64_t length, pid_t lender)
{
    struct loan_name name;
    struct slice packed = {zmq_msg_data(message), zmq_msg_size(message)};
    if (length > PTRDIFF_MAX - LOAN_HEAD || !loan_name_unpack(packed, &name))
        return false;
    int fd = open_memory(&name, length, lender);
    if (fd < 0)
        return false;
    uint64_t number;
    size_t size = LOAN_HEAD + length;
    uint8_t *data = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return false;
    memcpy(&number, data, sizeof number);
    if (number != name.number) {
        munmap(data, size);
        return false;
    }
    zmq_msg_close(message);
    if (zmq_msg_init_data(message, data + LOAN_HEAD, length, give_back,
                          (void *)(uintptr_t)length))
        abort_out_of_memory();
    return true;
}
