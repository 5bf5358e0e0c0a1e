/* SPDX-License-Identifier: MIT */
/*
 * The files of chunks by reference. A file is opened by the descriptor that the
 * ventilator has of it (/proc/PID/fd/N), which works for files that are renamed,
 * removed or redirected; it needs the same user and pid namespace. Or by its path below
 * this worker's root, on any host that sees the file. Whether it is the file, and in
 * the state, that the reference says, is asked each time.
 *
 * A file stays open while tasks need it, and the last ones for a while longer: their
 * next chunks come.
 */
#ifndef FANFOLD_WORKER_TASK_CHUNK_FILE_H
#define FANFOLD_WORKER_TASK_CHUNK_FILE_H

#include "common/protocol/reference.h"

struct chunk_files;

struct chunk_file {
    int fd;
    uint64_t serial;          /* of this opening, from 1 */
    struct reference_file is; /* the path is its own; the device, this host's */
    uint32_t tasks;           /* that need it */
    struct chunk_files *owner;
    struct chunk_file *next; /* used before this one */
    char path[];
};

/* Takes over `root`, a descriptor of the directory that paths begin at; -1: there is
 * none. */
struct chunk_files *chunk_files_new(int root);
/* No task may need one. */
void chunk_files_destroy(struct chunk_files **files_p);
/* Closes those that no task needs. */
void chunk_files_close_idle(struct chunk_files *files);

/* For one task. NULL: it cannot be opened, is another one, or has changed. */
struct chunk_file *chunk_files_take(struct chunk_files *files,
                                    const struct reference_file *file);
/* The same of what is no reference. */
struct chunk_file *chunk_files_take_none(struct chunk_files *files);
/* Why the last one was NULL, for a person. */
const char *chunk_files_reason(const struct chunk_files *files);
void chunk_files_give_back(struct chunk_file **file_p);

/* It is in the state that the reference says: then so is all that was read of it. */
bool chunk_file_is_same(const struct chunk_file *file);
/* Reads all of `size` bytes. False: they are not there, or cannot be read. */
bool chunk_file_read(const struct chunk_file *file, uint64_t offset, void *buffer,
                     size_t size);

#endif
