/* SPDX-License-Identifier: MIT */
/*
 * Blocks are shared (FICLONERANGE) where the part begins at a block of the output and
 * its file system can; bytes are copied within the kernel (copy_file_range) where that
 * can, and read and written elsewhere. All that is read here is compared with its hash.
 */
#include "sink/parts/join.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "common/process/same_file.h"
#include "common/process/sync_directory.h"
#include "common/process/write_all.h"
#include "sink/parts/manifest.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_BYTES = 1 << 20 };

struct join {
    const struct join_config *config;
    int directory; /* of the parts */
    int output;
    bool regular;    /* the output is a file of ours */
    char *temporary; /* its name until all is there; NULL: standard output */
    uint64_t bytes;  /* of the output so far */
    uint64_t shared; /* of them, in blocks that the parts have, too */
    uint8_t *piece;
};

/* ---- one part ---- */

static bool share(struct join *join, int fd, uint64_t bytes)
{
    const struct file_clone_range range = {
        .src_fd = fd, .src_length = bytes, .dest_offset = join->bytes};
    if (!join->regular || ioctl(join->output, FICLONERANGE, &range) != 0)
        return false;
    join->shared += bytes;
    return true;
}

/* 1: all is there; 0: this kernel cannot, between these two; -errno. */
static int copy_within(const struct join *join, int fd, uint64_t bytes)
{
    off_t from = 0, to = (off_t)join->bytes;
    while (join->regular && (uint64_t)from < bytes) {
        ssize_t copied =
            copy_file_range(fd, &from, join->output, &to, bytes - (uint64_t)from, 0);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            return -errno;
        if (copied <= 0)
            return 0;
    }
    return join->regular;
}

/* 0; -EBADMSG: they are other bytes; other -errno. */
static int copy_through(struct join *join, int fd, const struct part *part)
{
    int result = 0;
    XXH64_state_t *hash = XXH64_createState();
    XXH64_reset(hash, 0);
    if (join->regular && lseek(join->output, (off_t)join->bytes, SEEK_SET) < 0)
        result = -errno;
    for (uint64_t done = 0; result == 0 && done < part->bytes;) {
        ssize_t got = pread(fd, join->piece, PIECE_BYTES, (off_t)done);
        if (got <= 0) {
            result = got < 0 ? -errno : -EBADMSG;
            break;
        }
        XXH64_update(hash, join->piece, (size_t)got);
        done += (uint64_t)got;
        result = write_all(join->output, join->piece, (size_t)got);
    }
    if (result == 0 && XXH64_digest(hash) != part->hash)
        result = -EBADMSG;
    XXH64_freeState(hash);
    return result;
}

static int put(struct join *join, int fd, const struct part *part)
{
    if (share(join, fd, part->bytes))
        return 0;
    int copied = copy_within(join, fd, part->bytes);
    return copied == 0 ? copy_through(join, fd, part) : copied < 0 ? copied : 0;
}

/* Of a part that is not there, or another, a sentence. */
static int add_part(struct join *join, const struct part *part)
{
    struct stat status;
    if (part->bytes == 0)
        return STATUS_OK;
    int fd = openat(join->directory, part->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && (uint64_t)status.st_size != part->bytes)
        result = -EBADMSG;
    if (result == 0)
        result = put(join, fd, part);
    fd_close(&fd);
    join->bytes += part->bytes;
    if (result == 0)
        return STATUS_OK;
    if (result == -EPIPE)
        return STATUS_OUTPUT_CLOSED;
    if (result == -EBADMSG)
        say("%s/%s is not the part that the run has written: the manifest says %" PRIu64
            " bytes with the hash %016" PRIx64,
            join->config->parts, part->path, part->bytes, part->hash);
    else
        say("cannot join %s/%s: %s", join->config->parts, part->path,
            strerror(-result));
    return STATUS_IO;
}

/* ---- all of them ---- */

static int open_output(struct join *join)
{
    const char *output = join->config->output;
    if (!output) {
        join->output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return join->output < 0 ? -errno : 0;
    }
    join->temporary = allocate_text("%s.joining", output);
    join->regular = true;
    join->output = open(join->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return join->output < 0 ? -errno : 0;
}

static int finish(const struct join *join)
{
    if (!join->temporary)
        return 0;
    if (fsync(join->output) != 0 || rename(join->temporary, join->config->output) != 0)
        return -errno;
    return sync_directory_of(join->config->output);
}

static int say_error(const char *what, int result)
{
    say("%s: %s", what, strerror(-result));
    return STATUS_IO;
}

static int join_all(struct join *join, const struct manifest *manifest)
{
    int status = STATUS_OK;
    for (size_t i = 0; i < manifest->count && status == STATUS_OK; i++)
        status = add_part(join, &manifest->parts[i]);
    int result = status == STATUS_OK ? finish(join) : 0;
    if (result < 0)
        status = say_error(join->config->output, result);
    if (status != STATUS_OK && join->temporary)
        unlink(join->temporary);
    if (status == STATUS_OK && !join->config->quiet)
        say("joined %zu parts: %" PRIu64 " bytes, %" PRIu64 " of them shared with the "
            "parts",
            manifest->count, join->bytes, join->shared);
    return status;
}

int join_run(const struct join_config *config)
{
    struct manifest manifest = {.parts = NULL};
    struct join join = {.config = config, .output = -1};
    uint64_t line;
    if (config->output && is_same_file(config->output, config->manifest)) {
        say("-o %s is the manifest: name another file", config->output);
        return STATUS_USAGE;
    }
    int status, result = manifest_read(config->manifest, &manifest, &line);
    if (result == -EINVAL) {
        say("%s is no manifest of parts: see its line %" PRIu64, config->manifest,
            line);
        return STATUS_USAGE;
    }
    if (result < 0)
        return say_error(config->manifest, result);
    join.piece = allocate(PIECE_BYTES);
    join.directory = open(config->parts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (join.directory < 0)
        status = say_error(config->parts, -errno);
    else if ((result = open_output(&join)) < 0)
        status = say_error(config->output ? config->output : "standard output", result);
    else
        status = join_all(&join, &manifest);
    fd_close(&join.directory);
    fd_close(&join.output);
    free(join.temporary);
    free(join.piece);
    manifest_deinit(&manifest);
    return status;
}
