/* SPDX-License-Identifier: MIT */
#include "common/keys/key_source.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && stat(path, &status) == 0 &&
           S_ISDIR(status.st_mode);
}

/* Whoever may read our memory or /proc/PID/environ is this user, as are the programs
 * that we start; but what they write out, others read. */
static int take_variable(struct keys *keys, char *error, size_t error_size)
{
    char *text = getenv(KEY_VARIABLE);
    if (!text)
        return 0;
    int result = certificate_parse(text, KEY_VARIABLE, &keys->own, error, error_size);
    explicit_bzero(text, strlen(text));
    unsetenv(KEY_VARIABLE);
    return result < 0 ? result : 1;
}

/* A worker's may also be a file of its own. */
static int read_own(struct keys *keys, enum key_role role, const char *where,
                    char *error, size_t error_size)
{
    if (!is_directory(where))
        return certificate_read(where, true, &keys->own, error, error_size);
    char *path = allocate_text("%s/%s.key_secret", where, key_role_word(role));
    int result = certificate_read(path, true, &keys->own, error, error_size);
    free(path);
    return result;
}

/* Keys that were made by other tools than fanfold-keygen do not name their
 * ventilator's. */
static void find_ventilator(struct keys *keys, const char *where)
{
    struct certificate ventilator;
    char error[512];
    if (*keys->own.ventilator || !where || !is_directory(where))
        return;
    char *path = allocate_text("%s/%s.key", where, key_role_word(KEY_VENTILATOR));
    if (certificate_read(path, false, &ventilator, error, sizeof error) == 0)
        strcpy(keys->own.ventilator, ventilator.public_key);
    free(path);
}

static int check(const struct keys *keys, enum key_role role, const char *where,
                 char *error, size_t error_size)
{
    const char *name = where ? where : KEY_VARIABLE;
    if (keys->own.role != role)
        snprintf(error, error_size, "%s: this is the key of a %s: expected a %s's",
                 name, key_role_word(keys->own.role), key_role_word(role));
    else if (!*keys->own.secret_key)
        snprintf(error, error_size,
                 "%s: has no secret key: expected what is in a file that ends in "
                 ".key_secret",
                 name);
    else if (role != KEY_VENTILATOR && !*keys->own.ventilator)
        snprintf(error, error_size,
                 "%s: nothing says which ventilator's key this one meets: expected a "
                 "key that fanfold-keygen made, or ventilator.key beside it",
                 name);
    else
        return 0;
    return -EINVAL;
}

static int open_given(struct keys *keys, enum key_role role, const char *where,
                      char *error, size_t error_size)
{
    int result = 0;
    if (role != KEY_WORKER)
        result = keyring_open(where, &keys->keyring, error, error_size);
    if (result == 0)
        result = read_own(keys, role, where, error, error_size);
    return result < 0 ? result : 1;
}

int keys_open(struct keys *keys, enum key_role role, const char *where, bool insecure,
              char *error, size_t error_size)
{
    *keys = (struct keys){0};
    if (where && insecure) {
        snprintf(error, error_size, "--keys: expected no --insecure beside it");
        return -EINVAL;
    }
    int given = take_variable(keys, error, error_size);
    if (where)
        given = open_given(keys, role, where, error, error_size);
    else if (role != KEY_WORKER || insecure)
        given = 0;
    if (given > 0) {
        find_ventilator(keys, where);
        int result = check(keys, role, where, error, error_size);
        given = result < 0 ? result : given;
    }
    if (given < 0)
        keys_close(keys);
    return given;
}

int keys_status(int outcome)
{
    if (outcome >= 0)
        return STATUS_OK;
    return outcome == -EINVAL || outcome == -EPERM ? STATUS_USAGE : STATUS_IO;
}

void keys_close(struct keys *keys)
{
    keyring_destroy(&keys->keyring);
    certificate_wipe(&keys->own);
}
