/* SPDX-License-Identifier: MIT */
/*
 * A CURVE certificate: the key pair of a program, or the public half of one, in CZMQ's
 * file format. Its metadata say which role the key has and, in a secret one, with which
 * ventilator's key it meets; so one file is all that a worker needs.
 *
 * The parser is ours: CZMQ's writes what it does not understand to standard output,
 * where a sink has its data.
 */
#ifndef FANFOLD_COMMON_KEYS_CERTIFICATE_H
#define FANFOLD_COMMON_KEYS_CERTIFICATE_H

#include "common/keys/key_files.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    KEY_BYTES = 32,
    KEY_TEXT_SIZE = 41,            /* of a key in Z85, with its NUL */
    CERTIFICATE_MAX_BYTES = 65536, /* of a file */
};

struct certificate {
    enum key_role role;
    char public_key[KEY_TEXT_SIZE];
    char secret_key[KEY_TEXT_SIZE]; /* empty: a public certificate */
    char ventilator[KEY_TEXT_SIZE]; /* the public key of its ventilator; empty: none */
};

/* Makes a pair. `ventilator` is borrowed, and NULL for a ventilator's own. Call it
 * before the process has a ZeroMQ context. */
void certificate_make(struct certificate *ret_certificate, enum key_role role,
                      const char *ventilator);
/* Overwrites the secret. */
void certificate_wipe(struct certificate *certificate);

/* 0, or -EINVAL with a sentence in `error`, which begins with `name`. */
int certificate_parse(const char *text, const char *name,
                      struct certificate *ret_certificate, char *error,
                      size_t error_size);
/*
 * Reads a file, or standard input for "-". `secret`: it must have a secret key, and
 * nobody but its owner may read it. 0, or -errno with a sentence in `error`.
 */
int certificate_read(const char *path, bool secret, struct certificate *ret_certificate,
                     char *error, size_t error_size);
/* Reads what `fd` has, to its end or to a NUL; it stays open. `name` is for the
 * sentence. */
int certificate_read_fd(int fd, const char *name, struct certificate *ret_certificate,
                        char *error, size_t error_size);

/*
 * Writes DIRECTORY/NAME.key and, first, DIRECTORY/NAME.key_secret, both with mode 0600;
 * whoever reads them sees them whole. 0; -EEXIST: one of them is there; -errno.
 */
int certificate_save(const struct certificate *certificate, const char *directory,
                     const char *name);

#endif
