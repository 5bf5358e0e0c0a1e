/* SPDX-License-Identifier: MIT */
#include "common/keys/certificate.h"

#include "common/fail.h"
#include "common/memory.h"
#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names in a file, below "metadata" and "curve". */
static const char role_name[] = "role", ventilator_name[] = "ventilator-key",
                  public_name[] = "public-key", secret_name[] = "secret-key";

void certificate_make(struct certificate *ret_certificate, enum key_role role,
                      const char *ventilator)
{
    *ret_certificate = (struct certificate){.role = role};
    int rc =
        zmq_curve_keypair(ret_certificate->public_key, ret_certificate->secret_key);
    assert(rc == 0);
    if (ventilator)
        snprintf(ret_certificate->ventilator, KEY_TEXT_SIZE, "%s", ventilator);
}

void certificate_wipe(struct certificate *certificate)
{
    explicit_bzero(certificate->secret_key, sizeof certificate->secret_key);
}

/* ---- reading ---- */

/* The value of a line `name = "value"` or `name = value`; NULL: it is another line. */
static char *value_of(char *line, const char *name)
{
    line += strspn(line, " \t");
    size_t size = strlen(name);
    if (strncmp(line, name, size) != 0)
        return NULL;
    char *value = line + size + strspn(line + size, " \t");
    if (*value++ != '=')
        return NULL;
    value += strspn(value, " \t");
    if (*value == '"' || *value == '\'') {
        char quote = *value++, *end = strchr(value, quote);
        if (end)
            *end = '\0';
        return value;
    }
    value[strcspn(value, " \t\r")] = '\0';
    return value;
}

/* False: it is no key in Z85. */
static bool take_key(const char *value, char key[KEY_TEXT_SIZE])
{
    uint8_t bytes[KEY_BYTES];
    if (strlen(value) != KEY_TEXT_SIZE - 1 || !zmq_z85_decode(bytes, value))
        return false;
    explicit_bzero(bytes, sizeof bytes);
    strcpy(key, value);
    return true;
}

static bool take_role(const char *value, enum key_role *ret_role)
{
    for (int i = 0; i < KEY_ROLE_COUNT; i++)
        if (strcmp(value, key_role_word((enum key_role)i)) == 0) {
            *ret_role = (enum key_role)i;
            return true;
        }
    return false;
}

/* The name of what is wrong in the line; NULL: nothing is. */
static const char *take_line(char *line, struct certificate *certificate,
                             bool *has_role)
{
    const struct {
        const char *name;
        char *key;
    } keys[] = {{public_name, certificate->public_key},
                {secret_name, certificate->secret_key},
                {ventilator_name, certificate->ventilator}};
    const char *value = value_of(line, role_name);
    if (value) {
        *has_role = take_role(value, &certificate->role);
        return *has_role ? NULL : role_name;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        value = value_of(line, keys[i].name);
        if (value)
            return take_key(value, keys[i].key) ? NULL : keys[i].name;
    }
    return NULL;
}

static bool are_a_pair(const struct certificate *certificate)
{
    char public_key[KEY_TEXT_SIZE];
    return !*certificate->secret_key ||
           (zmq_curve_public(public_key, certificate->secret_key) == 0 &&
            strcmp(public_key, certificate->public_key) == 0);
}

int certificate_parse(const char *text, const char *name,
                      struct certificate *ret_certificate, char *error,
                      size_t error_size)
{
    struct certificate certificate = {.role = KEY_WORKER};
    bool has_role = false;
    const char *wrong = NULL;
    char *copy = allocate_text("%s", text), *rest = copy, *line;
    while (!wrong && (line = strsep(&rest, "\n")))
        wrong = take_line(line, &certificate, &has_role);
    explicit_bzero(copy, strlen(text));
    free(copy);
    int result = -EINVAL;
    if (wrong)
        fail(result, error, error_size, "%s: the value of %s is wrong", name, wrong);
    else if (!*certificate.public_key || !has_role)
        fail(result, error, error_size,
             "%s: expected a certificate that fanfold-keygen made, with %s and %s",
             name, role_name, public_name);
    else if (!are_a_pair(&certificate))
        fail(result, error, error_size, "%s: its two keys are no pair", name);
    else
        result = 0;
    if (result == 0)
        *ret_certificate = certificate;
    certificate_wipe(&certificate);
    return result;
}

static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t filled = 0;
    for (ssize_t got; filled < size; filled += (size_t)got) {
        got = read(fd, text + filled, size - filled);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got < 0)
            return -errno;
        else if (got == 0 || memchr(text + filled, '\0', (size_t)got))
            return (ssize_t)(filled + (size_t)got);
    }
    return (ssize_t)filled;
}

int certificate_read_fd(int fd, const char *name, struct certificate *ret_certificate,
                        char *error, size_t error_size)
{
    char *text = allocate(CERTIFICATE_MAX_BYTES + 1);
    ssize_t size = read_all(fd, text, CERTIFICATE_MAX_BYTES);
    int result;
    if (size < 0) {
        result = fail((int)size, error, error_size, "cannot read %s: %s", name,
                      strerror((int)-size));
    } else if (size == 0) {
        result = fail(-EINVAL, error, error_size, "%s is empty: expected a certificate",
                      name);
    } else {
        text[size] = '\0';
        result = certificate_parse(text, name, ret_certificate, error, error_size);
        explicit_bzero(text, (size_t)size);
    }
    free(text);
    return result;
}

/* Root may let a group read what it mounts for a service. */
static int check_secret_file(const struct stat *status, const char *path, char *error,
                             size_t error_size)
{
    mode_t others = status->st_uid == 0 && geteuid() != 0 ? 0007 : 0077;
    if (!S_ISREG(status->st_mode)) /* a pipe, from the shell's <(...) */
        return 0;
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return fail(-EPERM, error, error_size,
                    "%s belongs to another user: expected a key of your own", path);
    if (status->st_mode & others)
        return fail(-EPERM, error, error_size,
                    "other users can read %s: chmod 600 it, and make new keys if it "
                    "was so for long",
                    path);
    return 0;
}

static int read_opened(int fd, const char *path, bool secret,
                       struct certificate *ret_certificate, char *error,
                       size_t error_size)
{
    struct stat status;
    struct certificate certificate;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result < 0)
        return fail(result, error, error_size, "cannot read %s: %s", path,
                    strerror(-result));
    if (secret)
        result = check_secret_file(&status, path, error, error_size);
    if (result == 0)
        result = certificate_read_fd(fd, path, &certificate, error, error_size);
    if (result == 0 && secret && !*certificate.secret_key)
        result = fail(-EINVAL, error, error_size,
                      "%s has no secret key: expected the file that ends in _secret",
                      path);
    if (result == 0)
        *ret_certificate = certificate;
    return result;
}

int certificate_read(const char *path, bool secret, struct certificate *ret_certificate,
                     char *error, size_t error_size)
{
    if (strcmp(path, "-") == 0)
        return read_opened(STDIN_FILENO, "standard input", secret, ret_certificate,
                           error, error_size);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(-errno, error, error_size, "cannot read %s: %s", path,
                    strerror(errno));
    int result = read_opened(fd, path, secret, ret_certificate, error, error_size);
    close(fd);
    return result;
}

/* ---- writing ---- */

static zcert_t *to_zcert(const struct certificate *certificate, bool secret)
{
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES] = {0};
    zmq_z85_decode(public_key, certificate->public_key);
    if (secret)
        zmq_z85_decode(secret_key, certificate->secret_key);
    zcert_t *zcert = zcert_new_from(public_key, secret_key);
    explicit_bzero(secret_key, sizeof secret_key);
    if (!zcert)
        abort_out_of_memory();
    zcert_set_meta(zcert, role_name, "%s", key_role_word(certificate->role));
    if (secret && *certificate->ventilator)
        zcert_set_meta(zcert, ventilator_name, "%s", certificate->ventilator);
    return zcert;
}

/* A reader sees the whole file or none, and what is there stays. Some file systems have
 * no links. */
static int publish(const char *temporary, const char *path)
{
    int rc = link(temporary, path);
    if (rc < 0 && errno != EEXIST && access(path, F_OK) < 0)
        rc = rename(temporary, path);
    int result = rc < 0 ? -errno : 0;
    unlink(temporary);
    return result;
}

/* zcert writes with the umask's rights, by a name. */
static int save(const struct certificate *certificate, bool secret, const char *path)
{
    char *temporary = allocate_text("%s.%ld.tmp", path, (long)getpid());
    zcert_t *zcert = to_zcert(certificate, secret);
    mode_t saved_umask = umask(077);
    int rc = secret ? zcert_save_secret(zcert, temporary)
                    : zcert_save_public(zcert, temporary);
    int result = rc < 0 ? -(errno ? errno : EIO) : publish(temporary, path);
    umask(saved_umask);
    zcert_destroy(&zcert);
    free(temporary);
    return result;
}

int certificate_save(const struct certificate *certificate, const char *directory,
                     const char *name)
{
    char *public_path = allocate_text("%s/%s.key", directory, name);
    char *secret_path = allocate_text("%s/%s.key_secret", directory, name);
    int result = access(public_path, F_OK) == 0 ? -EEXIST : 0;
    if (result == 0)
        result = save(certificate, true, secret_path);
    if (result == 0)
        result = save(certificate, false, public_path);
    free(secret_path);
    free(public_path);
    return result;
}
