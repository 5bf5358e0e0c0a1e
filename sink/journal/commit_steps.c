/* SPDX-License-Identifier: MIT */
/* The order of the steps matters: the journal says of nothing that it is safe before it
 * is. */
#include "sink/journal/commit_steps.h"

#include "common/process/sync_directory.h"
#include "common/process/write_all.h"
#include "sink/dead_letters/dead_letters.h"
#include "sink/output/output_fingerprint.h"
#include "sink/output/output_part.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const char *commit_step_text(enum commit_step step)
{
    static const char *const texts[] = {
#define X(name, text) [COMMIT_##name] = text,
        COMMIT_STEPS(X)
#undef X
    };
    return texts[step];
}

/* An output that cannot be read has no fingerprint. */
static struct journal with_fingerprint(const struct commit_place *place,
                                       const struct journal *journal)
{
    struct journal whole = *journal;
    if (output_fingerprint(place->output, journal->offset, &whole.fingerprint) < 0)
        whole.fingerprint = 0;
    return whole;
}

/* ---- the journal's file ---- */

/* Without a mode until it has its first bytes: so an empty one that a crash leaves
 * behind is told from an empty file of the user's (reserved_names.c). */
static int write_journal(int fd, const struct journal *journal)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(journal, bytes);
    mode_t mask = umask(0);
    umask(mask);
    int result = write_all(fd, bytes, size);
    if (result == 0 && fchmod(fd, 0666 & ~mask) != 0 && errno != EPERM)
        result = -errno;
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    return result;
}

/* Makes a new file, so that it is nobody else's. */
static int make_journal(const struct commit_place *place, const char *name,
                        const struct journal *journal)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(place->directory, name, flags, 0);
    if (fd < 0)
        return -errno;
    int result = write_journal(fd, journal);
    if (close(fd) != 0 && result == 0 && errno != EINTR)
        result = -errno;
    if (result < 0)
        unlinkat(place->directory, name, 0);
    return result;
}

/* 1: a journal has the name; 0: nothing; -EEXIST: something else. */
static int look_at_name(const struct commit_place *place)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    int fd = openat(place->directory, place->journal,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : errno == EACCES ? 1 : -EEXIST;
    ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    bool begins = size > 0 && journal_begins((struct slice){bytes, (size_t)size});
    return begins ? 1 : -EEXIST;
}

static int rename_journal(const struct commit_place *place, const char *name)
{
    int there = look_at_name(place), directory = place->directory;
    unsigned flags = there ? 0 : RENAME_NOREPLACE;
    if (there < 0)
        return there;
    if (renameat2(directory, name, directory, place->journal, flags) == 0)
        return 0;
    if (flags == 0 || (errno != EINVAL && errno != ENOSYS))
        return -errno;
    /* This file system cannot refuse to replace. */
    return renameat(directory, name, directory, place->journal) == 0 ? 0 : -errno;
}

static int replace_journal(const struct commit_place *place,
                           const struct journal *journal, enum commit_step *ret_step)
{
    char name[NAME_MAX + 1];
    *ret_step = COMMIT_WRITE;
    int length = snprintf(name, sizeof name, "%s.tmp", place->journal);
    if (length < 0 || (size_t)length >= sizeof name)
        return -ENAMETOOLONG;
    struct journal whole = with_fingerprint(place, journal);
    int result = make_journal(place, name, &whole);
    if (result < 0)
        return result;
    *ret_step = COMMIT_RENAME;
    result = rename_journal(place, name);
    if (result < 0)
        unlinkat(place->directory, name, 0);
    return result;
}

/* ---- a commit ---- */

int commit_make(const struct commit_place *place, const struct journal *journal,
                const struct commit_dead_letters *dead_letters,
                enum commit_step *ret_step)
{
    int result = 0;
    *ret_step = COMMIT_DEAD_LETTERS;
    if (dead_letters->first <= dead_letters->last)
        result = dead_letters_sync(place->dead_letters, dead_letters->first,
                                   dead_letters->last);
    if (result < 0)
        return result;
    *ret_step = COMMIT_PART_FILES;
    if (place->part_files >= 0)
        result = sync_directory(place->part_files);
    if (result < 0)
        return result;
    *ret_step = COMMIT_OUTPUT;
    if (fdatasync(place->output) != 0)
        return -errno;
    result = replace_journal(place, journal, ret_step);
    if (result < 0)
        return result;
    *ret_step = COMMIT_DIRECTORY;
    return sync_directory(place->directory);
}

/* ---- a part ---- */

static int begin_next(struct commit_place *place, const struct journal *journal,
                      enum commit_step *ret_step)
{
    *ret_step = COMMIT_PART;
    int result = output_part_finish(place->directory, place->name, journal->part);
    if (result < 0)
        return result;
    *ret_step = COMMIT_NEXT_PART;
    int next = output_part_begin(place->directory, place->name);
    if (next < 0)
        return next;
    close(place->output);
    place->output = next;
    return 0;
}

int commit_part(struct commit_place *place, struct journal *journal,
                const struct commit_dead_letters *dead_letters,
                enum commit_step *ret_step)
{
    static const struct commit_dead_letters none = {.first = 1, .last = 0};
    int result = commit_make(place, journal, dead_letters, ret_step);
    if (result == 0)
        result = begin_next(place, journal, ret_step);
    if (result < 0)
        return result;
    journal_begin_part(journal);
    return commit_make(place, journal, &none, ret_step);
}
