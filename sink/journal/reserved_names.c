/* SPDX-License-Identifier: MIT */
#include "sink/journal/reserved_names.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/same_file.h"
#include "sink/journal/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first bytes, up to as many as a journal may have; -errno. */
static ssize_t read_beginning(const char *path, uint8_t bytes[JOURNAL_BYTES_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t size = read(fd, bytes, JOURNAL_BYTES_MAX);
    close(fd);
    return size;
}

/* ---- the output ---- */

/* "-o out.fanfold", where out is meant, or is another run's output. */
static int check_output(const char *output)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    enum { ENOUGH_BYTES = 17 };
    ssize_t size = output ? read_beginning(output, bytes) : 0;
    if (size < ENOUGH_BYTES || !journal_begins((struct slice){bytes, (size_t)size}))
        return STATUS_OK;
    say("%s is the journal of another run: write to another file", output);
    return STATUS_USAGE;
}

/* ---- the journal's temporary file ---- */

/* A sink that was killed while it wrote it left some of a journal, or none of it yet in
 * a file without a mode (commit_steps.c). */
static bool is_left_behind(const char *path, const struct stat *status)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    if (!S_ISREG(status->st_mode) || status->st_size > JOURNAL_BYTES_MAX)
        return false;
    if (status->st_size == 0)
        return (status->st_mode & 07777) == 0;
    ssize_t size = read_beginning(path, bytes);
    if (size == -EACCES)
        return (status->st_mode & 07777) == 0;
    return size > 0 && journal_begins((struct slice){bytes, (size_t)size});
}

static int check_temporary(const char *journal)
{
    char *path = allocate_text("%s.tmp", journal);
    struct stat status;
    int result = STATUS_OK;
    bool there = lstat(path, &status) == 0;
    if (there && !is_left_behind(path, &status)) {
        say("%s is in the way: the run writes its journal under this name; move that "
            "file away, or write to another output",
            path);
        result = STATUS_USAGE;
    } else if (there && unlink(path) != 0) {
        say("cannot remove %s, which a killed run left: %s", path, strerror(errno));
        result = STATUS_IO;
    }
    free(path);
    return result;
}

/* ---- names that are the same ---- */

static const char *clash(const struct reserved_names *names)
{
    if (names->output && is_same_file(names->dead_letters, names->output))
        return "output";
    if (!names->journal)
        return NULL;
    char *temporary = allocate_text("%s.tmp", names->journal);
    bool same = is_same_file(names->dead_letters, names->journal) ||
                is_same_file(names->dead_letters, temporary);
    free(temporary);
    return same ? "output's journal" : NULL;
}

static int check_dead_letters(const struct reserved_names *names)
{
    struct stat status;
    const char *what = clash(names);
    if (what) {
        say("--dead-letters %s is the %s: name another directory", names->dead_letters,
            what);
        return STATUS_USAGE;
    }
    if (stat(names->dead_letters, &status) == 0 && !S_ISDIR(status.st_mode)) {
        say("cannot write dead letters to %s: Not a directory; move that file away, or "
            "name another directory (--dead-letters)",
            names->dead_letters);
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* ---- all of them ---- */

/* A path must have room for the ending of its journal's temporary file. */
static int check_length(const struct reserved_names *names)
{
    if (!names->journal || strlen(names->journal) + strlen(".tmp") < PATH_MAX)
        return STATUS_OK;
    say("%s is too long a path for an output: nothing fits beside it", names->output);
    return STATUS_USAGE;
}

int reserved_names_check(const struct reserved_names *names)
{
    int status = check_length(names);
    if (status == STATUS_OK)
        status = check_output(names->output);
    if (status == STATUS_OK && names->dead_letters)
        status = check_dead_letters(names);
    if (status == STATUS_OK && names->journal)
        status = check_temporary(names->journal);
    return status;
}
