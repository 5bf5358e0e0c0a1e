/* SPDX-License-Identifier: MIT */
/* The roles that a key may have, and the files of a directory of keys. Needs nothing of
 * ZeroMQ. */
#ifndef FANFOLD_COMMON_KEYS_KEY_FILES_H
#define FANFOLD_COMMON_KEYS_KEY_FILES_H

/* X(NAME, the word for it) */
#define KEY_ROLES(X)            \
    X(VENTILATOR, "ventilator") \
    X(SINK, "sink")             \
    X(WORKER, "worker")

enum key_role {
#define X(name, word) KEY_##name,
    KEY_ROLES(X)
#undef X
        KEY_ROLE_COUNT
};

const char *key_role_word(enum key_role role);

/* Removes the keys of each role from this directory, as far as they are there. */
void key_files_remove(int directory);

#endif
