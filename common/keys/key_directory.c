/* SPDX-License-Identifier: MIT */
#include "common/keys/key_directory.h"

#include "common/fail.h"
#include "common/keys/certificate.h"
#include "common/memory.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_private(const char *directory, char *error, size_t error_size)
{
    struct stat status;
    int result = mkdir(directory, 0700) < 0 ? -errno : 0;
    if (result == 0)
        return 0;
    if (result != -EEXIST)
        return fail(result, error, error_size, "cannot make %s: %s", directory,
                    strerror(-result));
    if (stat(directory, &status) < 0 || !S_ISDIR(status.st_mode))
        return fail(-ENOTDIR, error, error_size, "%s: expected a directory", directory);
    if (status.st_uid != geteuid() || status.st_mode & 0077)
        return fail(-EPERM, error, error_size,
                    "%s: expected a directory that you alone can use: chmod 700 it",
                    directory);
    return 0;
}

static int save(const struct certificate *certificate, const char *directory,
                const char *name, char *error, size_t error_size)
{
    int result = certificate_save(certificate, directory, name);
    if (result == -EEXIST)
        return fail(result, error, error_size, "%s has a key of that name already: %s",
                    directory, name);
    if (result < 0)
        return fail(result, error, error_size, "cannot write the key %s in %s: %s",
                    name, directory, strerror(-result));
    return 0;
}

int key_directory_make(const char *directory, char *error, size_t error_size)
{
    struct certificate keys[KEY_ROLE_COUNT];
    int result = make_private(directory, error, error_size);
    const char *ventilator = NULL;
    for (int i = 0; i < KEY_ROLE_COUNT && result == 0; i++) {
        certificate_make(&keys[i], (enum key_role)i, ventilator);
        ventilator = keys[KEY_VENTILATOR].public_key;
        result = save(&keys[i], directory, key_role_word((enum key_role)i), error,
                      error_size);
        certificate_wipe(&keys[i]);
    }
    return result;
}

static bool is_name(const char *name)
{
    bool good = isalnum((unsigned char)*name) && strlen(name) <= 100;
    for (; good && *name; name++)
        good = isalnum((unsigned char)*name) || strchr("-_.", *name);
    return good;
}

static int check_name(const char *name, char *error, size_t error_size)
{
    return is_name(name)
               ? 0
               : fail(-EINVAL, error, error_size,
                      "'%s': expected a name of letters, digits, -, _ and .", name);
}

int key_directory_add(const char *directory, const char *name, char *error,
                      size_t error_size)
{
    struct certificate ventilator, worker;
    char *path = allocate_text("%s/ventilator.key", directory);
    char *file = allocate_text("worker-%s", name);
    int result = check_name(name, error, error_size);
    if (result == 0)
        result = certificate_read(path, false, &ventilator, error, error_size);
    if (result == 0) {
        certificate_make(&worker, KEY_WORKER, ventilator.public_key);
        result = save(&worker, directory, file, error, error_size);
        certificate_wipe(&worker);
    }
    free(file);
    free(path);
    return result;
}

int key_directory_revoke(const char *directory, const char *name, char *error,
                         size_t error_size)
{
    int result = check_name(name, error, error_size);
    if (result < 0)
        return result;
    char *revoked = allocate_text("%s/revoked", directory);
    char *from = allocate_text("%s/%s.key", directory, name);
    char *to = allocate_text("%s/%s.key", revoked, name);
    char *secret = allocate_text("%s/%s.key_secret", directory, name);
    if (access(from, F_OK) == 0)
        result = make_private(revoked, error, error_size);
    if (result == 0 && rename(from, to) < 0)
        result = fail(-errno, error, error_size, "cannot revoke %s: %s", from,
                      strerror(errno));
    if (result == 0 && unlink(secret) < 0 && errno != ENOENT)
        result = fail(-errno, error, error_size, "%s is revoked; cannot remove %s: %s",
                      name, secret, strerror(errno));
    free(secret);
    free(to);
    free(from);
    free(revoked);
    return result;
}
