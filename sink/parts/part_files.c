/* SPDX-License-Identifier: MIT */
#include "sink/parts/part_files.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "common/process/sync_directory.h"
#include "sink/parts/manifest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct part_files {
    int directory;
    char run[ID_TEXT_SIZE];
    char *path;
    uint64_t unfound; /* parts of workers that were not there */
};

static int make_directory(const struct part_files *files)
{
    if (mkdir(files->path, 0777) == 0)
        return sync_directory_of(files->path);
    return errno == EEXIST ? 0 : -errno;
}

int part_files_open(const char *parts, const struct id *run, bool resumes,
                    struct part_files **ret_files, char *error, size_t error_size)
{
    struct part_files *files = allocate_zeroed(1, sizeof *files);
    id_text(run, files->run);
    files->path = allocate_text("%s/%s", parts, files->run);
    int result = resumes ? 0 : make_directory(files);
    files->directory = open(files->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0 && files->directory < 0)
        result = -errno;
    if (result == 0) {
        *ret_files = files;
        return 0;
    }
    if (resumes && result == -ENOENT)
        snprintf(error, error_size,
                 "%s has no parts of this run: give --parts as before", parts);
    else
        snprintf(error, error_size, "cannot write parts to %s: %s", files->path,
                 strerror(-result));
    part_files_close(&files);
    return result;
}

void part_files_close(struct part_files **files_p)
{
    struct part_files *files = *files_p;
    if (!files)
        return;
    fd_close(&files->directory);
    rmdir(files->path); /* which keeps one that has files */
    free(files->path);
    free(files);
    *files_p = NULL;
}

const char *part_files_path(const struct part_files *files)
{
    return files->path;
}

static size_t print_line(const struct part_files *files, struct part *part,
                         const char *name, char line[PART_LINE_MAX])
{
    if (part->bytes > 0)
        snprintf(part->path, sizeof part->path, "%s/%s", files->run, name);
    else
        strcpy(part->path, "-");
    return part_line(part, line);
}

int part_files_keep(const struct part_files *files, struct result *result,
                    uint64_t epoch, uint32_t attempt)
{
    struct slice bytes = {result_bytes(result).data, result_size(result)};
    struct part part = {.seq = result_seq(result),
                        .bytes = bytes.size,
                        .hash = XXH64(bytes.data, bytes.size, 0)};
    char name[PART_NAME_MAX], line[PART_LINE_MAX];
    part_name(part.seq, epoch, attempt, name);
    int written = bytes.size > 0 ? part_write(files->directory, name, bytes) : 0;
    if (written < 0)
        return written;
    size_t size = print_line(files, &part, name, line);
    result_replace(result, (struct slice){(const uint8_t *)line, size});
    return 0;
}

/* Mostly the worker's --parts is another directory. */
static void say_unfound(struct part_files *files, const char *name)
{
    enum { SAID_MAX = 3 };
    if (files->unfound++ < SAID_MAX)
        say("warning: a worker says that it has written the part %s, but it is not in "
            "%s: its results are sent",
            name, files->path);
}

static bool is_there(const struct part_files *files, const struct part *part,
                     const char *name)
{
    struct stat status;
    return part->bytes > 0 && part_name_is_of(name, part->seq) &&
           fstatat(files->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode) && (uint64_t)status.st_size == part->bytes;
}

struct result *part_files_decode(struct part_files *files, struct result_memory *memory,
                                 const struct message *message, zmq_msg_t *payload)
{
    char name[PART_NAME_MAX], line[PART_LINE_MAX];
    const struct result_entry *entry = message->result.entries;
    struct part part = {.seq = entry->seq, .bytes = entry->length};
    struct slice packed = {zmq_msg_data(payload), zmq_msg_size(payload)};
    if (message->result.count != 1 || entry->bad_count > 0 ||
        !part_unpack(packed, name, &part.hash))
        return NULL;
    if (!is_there(files, &part, name)) {
        say_unfound(files, part_name_is_of(name, part.seq) ? name : "?");
        return NULL;
    }
    size_t size = print_line(files, &part, name, line);
    zmq_msg_t bytes;
    zmq_msg_init_size(&bytes, size);
    memcpy(zmq_msg_data(&bytes), line, size);
    struct result *result = result_new(memory, part.seq, &bytes, 0, size);
    zmq_msg_close(&bytes);
    return result;
}

/* ---- what nobody took ---- */

/* Names that no part can have are somebody else's. */
static bool is_left_over(const struct manifest *manifest, const char *run,
                         const char *name)
{
    static const char temporary[] = ".tmp";
    char plain[PART_NAME_MAX], path[PART_PATH_MAX];
    size_t size = strlen(name);
    char *end;
    uint64_t seq = strtoull(name, &end, 10);
    if (size >= sizeof plain)
        return false;
    if (size > strlen(temporary) &&
        strcmp(name + size - strlen(temporary), temporary) == 0) {
        snprintf(plain, sizeof plain, "%.*s", (int)(size - strlen(temporary)), name);
        return part_name_is_of(plain, seq);
    }
    if (!part_name_is_of(name, seq))
        return false;
    snprintf(path, sizeof path, "%s/%s", run, name);
    const struct part *part = manifest_find(manifest, seq);
    return !part || strcmp(part->path, path) != 0;
}

int part_files_sweep(const struct part_files *files, const char *path)
{
    struct manifest manifest;
    uint64_t line, removed = 0;
    int result = manifest_read(path, &manifest, &line);
    if (result < 0)
        return result;
    DIR *directory = opendir(files->path);
    result = directory ? 0 : -errno;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (is_left_over(&manifest, files->run, entry->d_name))
            removed += unlinkat(files->directory, entry->d_name, 0) == 0;
    if (directory)
        closedir(directory);
    log_event(LOG_LEVEL_INFO, "parts", "named=%zu removed=%" PRIu64, manifest.count,
              removed);
    manifest_deinit(&manifest);
    return result;
}
