/* SPDX-License-Identifier: MIT */
/*
 * A run's directory on this host: it belongs to the user alone (mode 0700) and holds
 * the ipc endpoints and one lock a role, so that a second run there learns who has it.
 *
 * Without a name: $XDG_RUNTIME_DIR/fanfold, else /tmp/fanfold-UID. With --name NAME:
 * the directory NAME in it. We refuse a directory of another user, and one that others
 * may enter.
 */
#ifndef FANFOLD_COMMON_PROCESS_RUNTIME_DIR_H
#define FANFOLD_COMMON_PROCESS_RUNTIME_DIR_H

#include <stdbool.h>
#include <stddef.h>

struct runtime_dir;

/*
 * Finds the run's directory called `name` (NULL: the default one) and makes it. 0, or
 * -errno with a sentence for a person in `error` (which directory, what is wrong with
 * it, what to do). -EINVAL: the name is not allowed: it may have letters, digits,
 * - _ and . only, not begin with a dot, and not be that of one of our own files.
 */
int runtime_dir_open(const char *name, struct runtime_dir **ret_dir, char *error,
                     size_t error_size);

/* Releases the lock; removes its file, the role's socket, and the directory unless
 * something else is in it. Call it after transport_deinit: libzmq removes an ipc path
 * when its socket closes, and later that path may be the next run's. */
void runtime_dir_close(struct runtime_dir **runtime_dir_p);

/*
 * Takes the lock of `role` ("ventilator", "sink"). 0; -EBUSY: another process has it,
 * and `error` says which (program, pid, since when) and names --name; other -errno as
 * above. The lock of a killed process is free. A child that is forked later and does
 * not exec shares the lock and keeps it: fork such children before. An exec drops it
 * (close-on-exec). Call it once a directory.
 */
int runtime_dir_lock(struct runtime_dir *dir, const char *role, char *error,
                     size_t error_size);

/* "ipc:///run/user/1000/fanfold/tasks" for "tasks"; lives as long as `dir`. The path
 * has at most 107 characters: runtime_dir_open checked it for names of up to 15. */
const char *runtime_dir_endpoint(struct runtime_dir *dir, const char *socket);

/*
 * Whether a person may use this endpoint: ipc:// and inproc:// always, tcp:// only
 * where `tcp` is true: there are keys, or --insecure. 0, or -EINVAL with the reason in
 * `error`.
 */
int endpoint_check(const char *endpoint, bool tcp, char *error, size_t error_size);

#endif
