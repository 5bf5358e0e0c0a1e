/* SPDX-License-Identifier: MIT */
#include "deploy/local/run_keys.h"

#include "common/exit_status.h"
#include "common/files/derived_path.h"
#include "common/keys/key_files.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "deploy/local/child.h"
#include "deploy/local/preflight.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_tcp(const char *endpoint)
{
    return endpoint && strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
}

static bool are_needed(const struct arguments *arguments)
{
    return (is_tcp(arguments->tasks) || is_tcp(arguments->results)) &&
           !arguments->insecure && !arguments_has(arguments, "keys");
}

/* NULL: there is no file that a journal could lie beside. */
static char *path_beside_output(const struct arguments *arguments)
{
    const char *output = arguments_value(arguments, "output");
    struct stat status;
    if (!output || strcmp(output, "-") == 0 || arguments_has(arguments, "unordered") ||
        arguments_give_messages(arguments) ||
        (stat(output, &status) == 0 && !S_ISREG(status.st_mode)))
        return NULL;
    return run_keys_path(output);
}

/* Another run that writes the same output has a lock on them. */
static int lock(struct run_keys *keys)
{
    keys->lock = open(keys->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keys->lock < 0)
        return errno == ENOENT ? 0 : -errno;
    return flock(keys->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK ? 0
                                                                             : -EBUSY;
}

static bool has_keys(const char *directory)
{
    char *path = allocate_text("%s/worker.key_secret", directory);
    bool there = access(path, R_OK) == 0;
    free(path);
    return there;
}

/* By a process of its own: this one does without ZeroMQ's libraries, which take longer
 * to load than all else takes until the roles start. 0; else it said why. */
static int make_keys(const char *directory)
{
    char name[] = "fanfold-keygen", ends_options[] = "--";
    char *program = child_find_keygen(), *copy = allocate_text("%s", directory);
    char *argv[] = {name, ends_options, copy, NULL};
    pid_t pid;
    int status = 0, result = -ENOENT;
    if (program)
        result = -posix_spawn(&pid, program, NULL, NULL, argv, environ);
    if (result == 0)
        result = child_wait(pid, &status);
    if (!program)
        say("cannot find %s: neither beside fanfold nor in PATH", name);
    else if (result < 0)
        say("cannot run %s: %s", program, strerror(-result));
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS_OK)
        result = -EIO;
    free(copy);
    free(program);
    return result;
}

static void remove_keys(const struct run_keys *keys)
{
    key_files_remove(keys->lock);
    rmdir(keys->directory);
}

static int make(struct run_keys *keys, const struct arguments *arguments)
{
    int result = lock(keys);
    if (result < 0) {
        say("cannot use %s: %s", keys->directory,
            result == -EBUSY ? "another run that writes this output has it"
                             : strerror(-result));
        return result;
    }
    if (arguments_has(arguments, "resume") && has_keys(keys->directory))
        return 0;
    if (keys->lock >= 0) /* a run that was not resumed left them */
        remove_keys(keys);
    fd_close(&keys->lock);
    result = make_keys(keys->directory);
    return result < 0 ? result : lock(keys);
}

int run_keys_open(struct run_keys *keys, const struct arguments *arguments,
                  const char *private)
{
    *keys = RUN_KEYS_NONE;
    if (!are_needed(arguments))
        return STATUS_OK;
    keys->directory = path_beside_output(arguments);
    int result;
    if (keys->directory) {
        result = make(keys, arguments);
    } else {
        keys->directory = allocate_text("%s", private);
        result = make_keys(private);
    }
    char *path = result == 0 ? realpath(keys->directory, NULL) : NULL;
    if (path)
        keys->worker_file = allocate_text("%s/worker.key_secret", path);
    free(path);
    if (result == 0)
        return STATUS_OK;
    free(keys->directory);
    fd_close(&keys->lock);
    *keys = RUN_KEYS_NONE;
    return result == -EBUSY ? STATUS_PEER : STATUS_IO;
}

void run_keys_close(struct run_keys *keys, const struct arguments *arguments)
{
    char *journal = keys->lock >= 0 ? preflight_journal(arguments) : NULL;
    if (keys->lock >= 0 && !journal)
        remove_keys(keys);
    free(journal);
    fd_close(&keys->lock);
    free(keys->worker_file);
    free(keys->directory);
    *keys = RUN_KEYS_NONE;
}
