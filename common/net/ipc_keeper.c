/* SPDX-License-Identifier: MIT */
/*
 * A second bind to the same path gives libzmq a second listener; the first keeps its
 * connections, and listens to a socket that no name leads to any more. An unbind would
 * end the connections.
 */
#include "common/net/ipc_keeper.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t look_every_us = SECOND_US;
static const int64_t touch_every_us = 3600 * SECOND_US;

struct ipc_keeper {
    zsock_t *socket;
    char *endpoint;
    const char *path; /* in `endpoint` */
    char *directory;
    bool private; /* the directory is this user's alone */
    int lock_fd;  /* on a private directory; -1: none */
    dev_t device; /* of the socket's file, as is `number` */
    ino_t number;
    bool failed; /* it could not be made again, which was said */
    int64_t look_at_us, touch_at_us;
};

static bool is_private(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 0777) == 0700;
}

static void lock_directory(struct ipc_keeper *keeper)
{
    if (keeper->lock_fd >= 0)
        close(keeper->lock_fd);
    keeper->lock_fd =
        keeper->private
            ? open(keeper->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            : -1;
    if (keeper->lock_fd >= 0)
        (void)flock(keeper->lock_fd, LOCK_SH | LOCK_NB);
}

static void note_file(struct ipc_keeper *keeper)
{
    struct stat status;
    bool there = lstat(keeper->path, &status) == 0;
    keeper->device = there ? status.st_dev : 0;
    keeper->number = there ? status.st_ino : 0;
}

struct ipc_keeper *ipc_keeper_new(zsock_t *socket, const char *endpoint, int64_t now_us)
{
    const char *path = transport_path(endpoint);
    if (!path || *path != '/')
        return NULL;
    struct ipc_keeper *keeper = allocate_zeroed(1, sizeof *keeper);
    char *copy = allocate_text("%s", path);
    keeper->socket = socket;
    keeper->endpoint = allocate_text("%s", endpoint);
    keeper->path = transport_path(keeper->endpoint);
    keeper->directory = allocate_text("%s", dirname(copy));
    free(copy);
    keeper->private = is_private(keeper->directory);
    keeper->lock_fd = -1;
    lock_directory(keeper);
    note_file(keeper);
    keeper->look_at_us = now_us + look_every_us;
    keeper->touch_at_us = now_us + touch_every_us;
    return keeper;
}

void ipc_keeper_destroy(struct ipc_keeper **keeper_p)
{
    struct ipc_keeper *keeper = *keeper_p;
    if (!keeper)
        return;
    if (keeper->lock_fd >= 0)
        close(keeper->lock_fd);
    free(keeper->directory);
    free(keeper->endpoint);
    free(keeper);
    *keeper_p = NULL;
}

/* 0 or -errno. A directory of others' is theirs to make. */
static int make_again(struct ipc_keeper *keeper)
{
    if (keeper->private && mkdir(keeper->directory, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (keeper->private && !is_private(keeper->directory))
        return -EPERM;
    int result = transport_bind_also(keeper->socket, keeper->endpoint, NULL);
    if (result == 0) {
        lock_directory(keeper);
        note_file(keeper);
    }
    return result;
}

static void heal(struct ipc_keeper *keeper)
{
    int result = make_again(keeper);
    if (result == 0)
        say("somebody removed %s, by which others reach this run; it is there again",
            keeper->path);
    else if (!keeper->failed)
        say("somebody removed %s, and it cannot be made again: %s: nobody new can join "
            "this run",
            keeper->path, strerror(-result));
    keeper->failed = result < 0;
}

static void look(struct ipc_keeper *keeper)
{
    struct stat status;
    if (lstat(keeper->path, &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            heal(keeper);
        return;
    }
    bool taken = status.st_dev != keeper->device || status.st_ino != keeper->number;
    if (taken && !keeper->failed)
        say("another program has taken %s, by which others reach this run: nobody new "
            "can join it",
            keeper->path);
    keeper->failed = taken;
}

int64_t ipc_keeper_tick(struct ipc_keeper *keeper, int64_t now_us)
{
    if (!keeper)
        return NEVER_US;
    if (now_us < keeper->look_at_us)
        return keeper->look_at_us;
    look(keeper);
    keeper->look_at_us = now_us + look_every_us;
    if (now_us >= keeper->touch_at_us) {
        (void)utimensat(AT_FDCWD, keeper->path, NULL, AT_SYMLINK_NOFOLLOW);
        if (keeper->private)
            (void)utimensat(AT_FDCWD, keeper->directory, NULL, AT_SYMLINK_NOFOLLOW);
        keeper->touch_at_us = now_us + touch_every_us;
    }
    return keeper->look_at_us;
}
