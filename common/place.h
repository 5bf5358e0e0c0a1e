/* SPDX-License-Identifier: MIT */
/*
 * The place where a run lives on this host: a directory of the user's own (mode 0700)
 * that holds the ipc endpoints, and one lock a role, so that a second run there is told
 * who has it.
 *
 * Without a name: $XDG_RUNTIME_DIR/fanfold, else /tmp/fanfold-UID. With --name NAME: a
 * directory NAME in it. A directory that is another user's, or open to others, is
 * refused.
 */
#ifndef FANFOLD_COMMON_PLACE_H
#define FANFOLD_COMMON_PLACE_H

#include <stddef.h>

struct place;

/*
 * Finds the place called `name` (NULL: the default one) and makes its directory. 0, or
 * -errno with a sentence for a person in `error` (which directory, what is wrong with
 * it, what to do). -EINVAL: the name is no name (letters, digits,
 * - _ . only; not beginning with a dot; none of our own files').
 */
int place_open(const char *name, struct place **ret_place, char *error,
               size_t error_size);

/* Releases the lock; removes lock, the role's socket and the directory itself where
 * nothing else is in them. After transport_deinit: libzmq removes an ipc path when its
 * socket closes, which may otherwise be later than here and hit the next run's. */
void place_close(struct place **place_p);

/*
 * Takes the lock of `role` ("ventilator", "sink"). 0; -EBUSY: somebody has it, and
 * `error` says who (program, pid, since when) and names --name; other -errno as above.
 * A lock left behind by a killed process is no lock. A child that is forked without
 * exec afterwards shares the lock and keeps it alive: fork such children before. An
 * exec drops it (close-on-exec). Once a place.
 */
int place_lock(struct place *place, const char *role, char *error, size_t error_size);

/* "ipc:///run/user/1000/fanfold/tasks" for "tasks"; lives as long as the place. At most
 * 107 characters of path, which place_open has checked for names of up to 15. */
const char *place_endpoint(struct place *place, const char *socket);

/*
 * Whether a person may use this endpoint: ipc:// and inproc:// yes; tcp:// only with
 * `insecure`. 0, or -EINVAL with the reason in `error`.
 */
int endpoint_check(const char *endpoint, int insecure, char *error, size_t error_size);

#endif
