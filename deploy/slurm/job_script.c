/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/job_script.h"

#include "common/memory.h"
#include "common/process/fds.h"
#include "common/shell_quote.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_BYTES = 4096, KEY_BYTES = 65536 };

char *job_directory_make(void)
{
    char *here = getcwd(NULL, 0);
    char *path = here ? allocate_text("%s/.fanfold-slurm-XXXXXX", here) : NULL;
    free(here);
    if (path && mkdtemp(path))
        return path;
    free(path);
    return NULL;
}

void job_directory_remove(const char *directory)
{
    DIR *entries = opendir(directory);
    for (const struct dirent *entry; entries && (entry = readdir(entries));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        closedir(entries);
    rmdir(directory);
}

static FILE *create(const char *directory, const char *name, mode_t mode)
{
    char *path = allocate_text("%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    free(path);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

/* 0 or -errno. */
static int finish(FILE *file)
{
    bool failed = ferror(file) != 0;
    return fclose(file) != 0 || failed ? -(errno ? errno : EIO) : 0;
}

static int copy_key(const char *directory, const char *from)
{
    char bytes[KEY_BYTES];
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    FILE *file = size < 0 ? NULL : create(directory, "worker.key", 0600);
    int result = file ? 0 : -errno;
    fd_close(&fd);
    if (!file)
        return result;
    fwrite(bytes, 1, (size_t)size, file);
    return finish(file);
}

static void print_path(FILE *file, const char *directory, const char *name)
{
    char *path = allocate_text("%s/%s", directory, name);
    shell_quote_if_needed(file, path);
    free(path);
}

/* Slurm says when the walltime ends only from version 23.02 on. */
static void print_end(FILE *file, const struct slurm_config *config)
{
    fputs("job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}"
          "${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}\n"
          "end=$(squeue -h -o %e -j \"$job\" 2>/dev/null)\n"
          "end=${SLURM_JOB_END_TIME:-${end:+$(date -d \"$end\" +%s 2>/dev/null)}}\n",
          file);
    fprintf(file, "drain=${end:+--drain-before=%s --end-time=$end}\n",
            config->drain_before);
}

int job_script_write(const char *directory, const struct slurm_config *config,
                     const char *tasks)
{
    int result = config->key_file ? copy_key(directory, config->key_file) : 0;
    FILE *file = result < 0 ? NULL : create(directory, "worker.sh", 0700);
    if (!file)
        return result < 0 ? result : -errno;
    fputs("#!/bin/sh\n"
          "# A worker of one run of fanfold, which wrote this and removes it.\n",
          file);
    print_end(file, config);
    fputs("exec ", file);
    shell_quote_if_needed(file, config->worker);
    if (config->key_file) {
        fputs(" --keys ", file);
        print_path(file, directory, "worker.key");
    }
    fputs(" --tasks ", file);
    shell_quote_if_needed(file, tasks);
    fputs(" --jobs \"${SLURM_CPUS_ON_NODE:-1}\""
          " --place \"slurm/$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}\" $drain",
          file);
    fprintf(file, " --on-lost %s%s %s\n", config->on_lost ? config->on_lost : "finish",
            config->patient ? "" : " --patience 300", config->words);
    return finish(file);
}

char *job_log_tail(const char *directory, uint32_t array, uint32_t task)
{
    char *tail = allocate_zeroed(TAIL_BYTES + 1, 1);
    char *path = allocate_text("%s/%lu_%lu.log", directory, (unsigned long)array,
                               (unsigned long)task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0)
        return tail;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    if (pread(fd, tail, TAIL_BYTES, from) < 0)
        *tail = '\0';
    fd_close(&fd);
    return tail;
}
