/* SPDX-License-Identifier: MIT */
/* The order is all that there is to it: nothing is said to be safe before it is. */
#include "sink/commit.h"

#include "sink/letters.h"
#include "sink/tail.h"
#include "sink/write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
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

/* What the journal is to say of the output, which may not let itself be read. */
static struct journal with_tail(const struct commit_place *place,
                                const struct journal *journal)
{
    struct journal whole = *journal;
    if (tail_hash(place->output, journal->offset, &whole.tail) < 0)
        whole.tail = 0;
    return whole;
}

static int write_journal(const struct commit_place *place, const char *name,
                         const struct journal *journal)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(journal, bytes);
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(place->directory, name, flags, 0666);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, bytes, size);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (close(fd) != 0 && result == 0 && errno != EINTR)
        result = -errno;
    return result;
}

int commit_make(const struct commit_place *place, const struct journal *journal,
                const struct commit_letters *letters, enum commit_step *ret_step)
{
    char name[NAME_MAX + 1];
    int result = 0;
    *ret_step = COMMIT_LETTERS;
    if (letters->first <= letters->last)
        result = letters_sync(place->letters, letters->first, letters->last);
    if (result < 0)
        return result;
    *ret_step = COMMIT_OUTPUT;
    if (fdatasync(place->output) != 0)
        return -errno;
    *ret_step = COMMIT_WRITE;
    int length = snprintf(name, sizeof name, "%s.tmp", place->journal);
    if (length < 0 || (size_t)length >= sizeof name)
        return -ENAMETOOLONG;
    struct journal whole = with_tail(place, journal);
    result = write_journal(place, name, &whole);
    if (result < 0) {
        unlinkat(place->directory, name, 0);
        return result;
    }
    *ret_step = COMMIT_RENAME;
    if (renameat(place->directory, name, place->directory, place->journal) != 0) {
        result = -errno;
        unlinkat(place->directory, name, 0);
        return result;
    }
    *ret_step = COMMIT_DIRECTORY;
    return fsync(place->directory) == 0 ? 0 : -errno;
}
