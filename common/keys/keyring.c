/* SPDX-License-Identifier: MIT */
/*
 * Two tables: the files as they were read last, and every key that was ever in one. The
 * helper that watches has a copy of both from the moment of its start, and tells each
 * change of the second; the program's copy of the first is of use no more.
 */
#include "common/keys/keyring.h"

#include "common/clock.h"
#include "common/helper/helper_process.h"
#include "common/log.h"
#include "common/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <uthash.h>

#define SCAN_US SECOND_US
#define LATE_US (10 * SECOND_US) /* a helper that says nothing waits for the system */

enum {
    NEWS_MAX = 256, /* a call */
    STOP_MS = 1000, /* a helper whose file system does not answer may never end */
};

struct key_file {
    char *name;
    struct stat stamp; /* of the content that was read */
    struct certificate certificate;
    bool is_read;  /* the certificate is valid */
    bool is_said;  /* that it is not */
    bool is_there; /* found by this scan */
    UT_hash_handle hh;
};

struct key_entry {
    char key[KEY_TEXT_SIZE];
    enum key_role role;
    bool known;     /* else revoked */
    bool was_known; /* before this look */
    enum key_role was_role;
    UT_hash_handle hh;
};

enum news_kind {
    NEWS_KEY,     /* is known or revoked from now on */
    NEWS_WARNING, /* `text`, of `event` */
    NEWS_LOOKED,  /* the directory was looked through */
};

/* What the helper says. */
struct news {
    enum news_kind kind;
    enum key_role role;
    bool known;
    char key[KEY_TEXT_SIZE];
    char event[24], text[700];
};

struct keyring {
    char *directory;
    struct key_file *files;
    struct key_entry *keys;
    int64_t scan_us;
    int error;                    /* the last scan's; it is logged when it changes */
    struct helper_process helper; /* none: the program looks itself */
    int64_t heard_us;             /* its last look; 0: none yet */
    bool late;                    /* said, that it is silent */
    uint64_t revoked;             /* keys, since it was opened */
    int told;                     /* in the helper: whom it tells; -1: elsewhere */
};

/* ---- what is told ---- */

static void tell(const struct keyring *keyring, const struct news *news)
{
    if (keyring->told >= 0)
        helper_send(keyring->told, news, sizeof *news, 0);
    else if (news->kind == NEWS_KEY)
        log_event(LOG_LEVEL_INFO, news->known ? "key_added" : "key_revoked",
                  "role=%s key=%s", key_role_word(news->role), news->key);
    else if (news->kind == NEWS_WARNING)
        log_event(LOG_LEVEL_WARN, news->event, "%s", news->text);
}

static void warn(const struct keyring *keyring, const char *event, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

static void warn(const struct keyring *keyring, const char *event, const char *format,
                 ...)
{
    struct news news = {.kind = NEWS_WARNING};
    va_list list;
    va_start(list, format);
    vsnprintf(news.text, sizeof news.text, format, list);
    va_end(list);
    snprintf(news.event, sizeof news.event, "%s", event);
    tell(keyring, &news);
}

/* ---- the directory ---- */

/* What root mounts read-only for a service may look writable to all. */
static int check_directory(const char *path, char *error, size_t error_size)
{
    struct stat status;
    struct statvfs mounted;
    int result = 0;
    if (stat(path, &status) < 0) {
        result = -errno;
        snprintf(error, error_size,
                 "cannot read the keys in %s: %s: make them with fanfold-keygen %s",
                 path, strerror(-result), path);
    } else if (!S_ISDIR(status.st_mode)) {
        result = -ENOTDIR;
        snprintf(error, error_size, "%s: expected a directory of keys", path);
    } else if (status.st_uid != geteuid() && status.st_uid != 0) {
        result = -EPERM;
        snprintf(error, error_size,
                 "%s belongs to another user: expected keys of your own", path);
    } else if (status.st_mode & (status.st_uid == geteuid() ? 0077 : 0022) &&
               !(statvfs(path, &mounted) == 0 && mounted.f_flag & ST_RDONLY)) {
        result = -EPERM;
        snprintf(error, error_size, "other users can use the keys in %s: chmod 700 %s",
                 path, path);
    }
    return result;
}

static bool is_public(const char *name)
{
    static const char suffix[] = ".key";
    size_t size = strlen(name), tail = strlen(suffix);
    return size > tail && *name != '.' && strcmp(name + size - tail, suffix) == 0;
}

static bool same_stamp(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
           one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static struct key_file *find_file(struct keyring *keyring, const char *name)
{
    struct key_file *file;
    HASH_FIND_STR(keyring->files, name, file);
    if (file)
        return file;
    file = allocate_zeroed(1, sizeof *file);
    file->name = allocate_text("%s", name);
    HASH_ADD_KEYPTR(hh, keyring->files, file->name, strlen(file->name), file);
    return file;
}

static void forget_file(struct keyring *keyring, struct key_file *file)
{
    HASH_DEL(keyring->files, file);
    free(file->name);
    free(file);
}

/* A file that somebody is about to write is wrong for a moment: it is said at the next
 * scan. */
static void read_file(const struct keyring *keyring, struct key_file *file,
                      const char *path, const struct stat *stamp)
{
    char error[512];
    bool changed = !same_stamp(&file->stamp, stamp);
    file->is_there = true;
    if (!changed && (file->is_read || file->is_said))
        return;
    bool good =
        certificate_read(path, false, &file->certificate, error, sizeof error) == 0;
    certificate_wipe(&file->certificate);
    file->is_said = !good && !changed;
    /* What was revoked stays so, though its file has become unreadable. */
    file->is_read = good || (file->is_read && strchr(file->name, '/'));
    if (file->is_said)
        warn(keyring, "key_unreadable", "error=\"%s\"", error);
    file->stamp = *stamp;
}

/* 0 or -errno. `below` is a prefix of the names, "" or "revoked/". */
static int scan(struct keyring *keyring, const char *below)
{
    struct stat stamp;
    char *path = allocate_text("%s/%s", keyring->directory, below);
    DIR *entries = opendir(path);
    int result = entries ? 0 : -errno;
    free(path);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (!is_public(entry->d_name) ||
            fstatat(dirfd(entries), entry->d_name, &stamp, 0) < 0 ||
            !S_ISREG(stamp.st_mode))
            continue;
        char *name = allocate_text("%s%s", below, entry->d_name);
        path = allocate_text("%s/%s", keyring->directory, name);
        read_file(keyring, find_file(keyring, name), path, &stamp);
        free(path);
        free(name);
    }
    if (entries)
        closedir(entries);
    return result;
}

/* ---- the keys ---- */

static struct key_entry *find_key(const struct keyring *keyring, const char *key)
{
    struct key_entry *entry;
    HASH_FIND_STR(keyring->keys, key, entry);
    return entry;
}

static void set_key(struct keyring *keyring, const char *key, enum key_role role,
                    bool known)
{
    struct key_entry *entry = find_key(keyring, key);
    if (!entry) {
        entry = allocate_zeroed(1, sizeof *entry);
        strcpy(entry->key, key);
        HASH_ADD_STR(keyring->keys, key, entry);
    }
    entry->role = role;
    entry->known = known;
}

/* What is revoked counts last: such a key may still lie in a file. */
static void gather(struct keyring *keyring, bool revoked)
{
    struct key_file *file, *next;
    HASH_ITER (hh, keyring->files, file, next)
        if (file->is_read && (strchr(file->name, '/') != NULL) == revoked)
            set_key(keyring, file->certificate.public_key, file->certificate.role,
                    !revoked);
}

/* What the first look finds is no news. */
static void tell_key(struct keyring *keyring, const struct key_entry *entry)
{
    struct news news = {.kind = NEWS_KEY, .role = entry->role, .known = entry->known};
    strcpy(news.key, entry->key);
    keyring->revoked += keyring->scan_us && !entry->known;
    if (keyring->scan_us || keyring->told >= 0)
        tell(keyring, &news);
}

static void gather_all(struct keyring *keyring)
{
    struct key_entry *entry, *next;
    HASH_ITER (hh, keyring->keys, entry, next) {
        entry->was_known = entry->known;
        entry->was_role = entry->role;
        entry->known = false;
    }
    gather(keyring, false);
    gather(keyring, true);
    HASH_ITER (hh, keyring->keys, entry, next)
        if (entry->known != entry->was_known || entry->role != entry->was_role)
            tell_key(keyring, entry);
}

static void look_through(struct keyring *keyring)
{
    struct key_file *file, *next;
    HASH_ITER (hh, keyring->files, file, next)
        file->is_there = false;
    int result = scan(keyring, "");
    int revoked = scan(keyring, "revoked/");
    if (result == 0 && revoked != -ENOENT)
        result = revoked;
    if (result != keyring->error && result < 0)
        warn(keyring, "keys_unreadable",
             "directory=%s error=\"%s\" then=\"the keys stay as they were\"",
             keyring->directory, strerror(-result));
    keyring->error = result;
    if (result < 0)
        return;
    HASH_ITER (hh, keyring->files, file, next)
        if (!file->is_there)
            forget_file(keyring, file);
    gather_all(keyring);
}

int keyring_open(const char *directory, struct keyring **ret_keyring, char *error,
                 size_t error_size)
{
    int result = check_directory(directory, error, error_size);
    if (result < 0)
        return result;
    struct keyring *keyring = allocate_zeroed(1, sizeof *keyring);
    keyring->directory = allocate_text("%s", directory);
    keyring->told = -1;
    look_through(keyring); /* nothing of what it finds is news */
    result = keyring->error == -ENOENT ? 0 : keyring->error;
    if (result < 0) {
        snprintf(error, error_size, "cannot read the keys in %s: %s", directory,
                 strerror(-result));
        keyring_destroy(&keyring);
        return result;
    }
    *ret_keyring = keyring;
    return 0;
}

void keyring_destroy(struct keyring **keyring_p)
{
    struct keyring *keyring = *keyring_p;
    if (!keyring)
        return;
    helper_process_stop(&keyring->helper, keyring->late ? 0 : STOP_MS);
    struct key_file *file, *next_file;
    struct key_entry *entry, *next_entry;
    HASH_ITER (hh, keyring->files, file, next_file)
        forget_file(keyring, file);
    HASH_ITER (hh, keyring->keys, entry, next_entry) {
        HASH_DEL(keyring->keys, entry);
        free(entry);
    }
    free(keyring->directory);
    free(keyring);
    *keyring_p = NULL;
}

/* ---- the helper ---- */

static void watch(int socket, int kept, void *context)
{
    struct keyring *keyring = context;
    struct pollfd program = {.fd = socket, .events = POLLIN};
    const struct news looked = {.kind = NEWS_LOOKED};
    (void)kept;
    keyring->told = socket;
    int gone;
    do {
        look_through(keyring);
        tell(keyring, &looked);
        gone = poll(&program, 1, SCAN_US / 1000);
    } while (gone == 0 || (gone < 0 && errno == EINTR));
}

int keyring_watch(struct keyring *keyring)
{
    keyring->scan_us = 1; /* from here on what is found is news */
    return helper_process_start(
        &(struct helper_task){
            .name = "fanfold-keys", .work = watch, .context = keyring, .kept = -1},
        &keyring->helper);
}

static void take(struct keyring *keyring, const struct news *news, int64_t now_us)
{
    if (news->kind == NEWS_KEY) {
        const struct key_entry *before = find_key(keyring, news->key);
        keyring->revoked += before && before->known && !news->known;
        set_key(keyring, news->key, news->role, news->known);
    }
    tell(keyring, news);
    keyring->heard_us = now_us;
    if (keyring->late)
        log_event(LOG_LEVEL_WARN, "keys_readable", "directory=%s", keyring->directory);
    keyring->late = false;
}

static void check_late(struct keyring *keyring, int64_t now_us)
{
    if (keyring->heard_us == 0)
        keyring->heard_us = now_us;
    if (keyring->late || now_us - keyring->heard_us < LATE_US)
        return;
    keyring->late = true;
    log_event(LOG_LEVEL_WARN, "keys_unreadable",
              "directory=%s error=\"its file system does not answer\" "
              "then=\"the keys stay as they were\"",
              keyring->directory);
}

static int64_t hear(struct keyring *keyring, int64_t now_us)
{
    struct news news;
    ssize_t size = sizeof news;
    for (int i = 0; i < NEWS_MAX && size == sizeof news; i++) {
        size = helper_receive(keyring->helper.socket, &news, sizeof news, MSG_DONTWAIT);
        if (size == sizeof news)
            take(keyring, &news, now_us);
    }
    if (size == sizeof news)
        return now_us;
    if (size == -EAGAIN) {
        check_late(keyring, now_us);
        return keyring->late ? NEVER_US : keyring->heard_us + LATE_US;
    }
    log_event(LOG_LEVEL_WARN, "keys_unwatched",
              "directory=%s error=\"the process that reads it has ended\" "
              "then=\"this one reads it\"",
              keyring->directory);
    helper_process_stop(&keyring->helper, STOP_MS);
    return now_us;
}

int keyring_descriptor(const struct keyring *keyring)
{
    return keyring && keyring->helper.pid ? keyring->helper.socket : -1;
}

uint64_t keyring_revoked(const struct keyring *keyring)
{
    return keyring->revoked;
}

int64_t keyring_tick(struct keyring *keyring, int64_t now_us)
{
    if (keyring->helper.pid)
        return hear(keyring, now_us);
    if (now_us >= keyring->scan_us) {
        look_through(keyring);
        keyring->scan_us = now_us + SCAN_US;
    }
    return keyring->scan_us;
}

enum key_standing keyring_find(const struct keyring *keyring, const char *key,
                               enum key_role *ret_role)
{
    const struct key_entry *entry = find_key(keyring, key);
    if (!entry)
        return KEY_UNKNOWN;
    *ret_role = entry->role;
    return entry->known ? KEY_KNOWN : KEY_REVOKED;
}
