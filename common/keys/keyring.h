/* SPDX-License-Identifier: MIT */
/*
 * The public keys of a directory: whom a ventilator or a sink lets in, and as what. A
 * key is added by a file NAME.key and revoked when that is gone, or changed, or moved
 * to `revoked/`; the directory is looked through once a second, by a helper process.
 */
#ifndef FANFOLD_COMMON_KEYS_KEYRING_H
#define FANFOLD_COMMON_KEYS_KEYRING_H

#include "common/keys/certificate.h"
#include <stdint.h>

struct keyring;

enum key_standing {
    KEY_UNKNOWN,
    KEY_KNOWN,
    KEY_REVOKED, /* it was known in this run, or its certificate is in `revoked/` */
};

/* 0, or -errno with a sentence in `error`: there is no such directory, or others may
 * write to it. */
int keyring_open(const char *directory, struct keyring **ret_keyring, char *error,
                 size_t error_size);
void keyring_destroy(struct keyring **keyring_p);

/* From here on a helper process looks through the directory, as its file system may
 * answer after minutes or never: so call it before the first thread. 0 or -errno. */
int keyring_watch(struct keyring *keyring);
/* To be polled for input, and then keyring_tick is due; -1: there is no helper. The
 * keyring may be NULL. */
int keyring_descriptor(const struct keyring *keyring);

/* Hears of the helper what is new; without one, looks through the directory if it is
 * time. Returns when to call it again. A directory that cannot be read, or does not
 * answer, changes nothing, and is logged. */
int64_t keyring_tick(struct keyring *keyring, int64_t now_us);

/* How many keys were revoked since it was opened, as far as it has heard. */
uint64_t keyring_revoked(const struct keyring *keyring);

/* `key` in Z85; *ret_role is set unless the key is unknown. */
enum key_standing keyring_find(const struct keyring *keyring, const char *key,
                               enum key_role *ret_role);

#endif
