/* SPDX-License-Identifier: MIT */
/*
 * The parts of a run: each result is a file in DIR/RUN, and what goes to the output in
 * its place is its line of the manifest. So order, journal and resume are those of any
 * output.
 */
#ifndef FANFOLD_SINK_PARTS_PART_FILES_H
#define FANFOLD_SINK_PARTS_PART_FILES_H

#include "common/parts/part.h"
#include "common/protocol/message.h"
#include "sink/result/result.h"

struct part_files;

/* The directory of the run below `parts`; makes it, unless the run `resumes` and has
 * parts. 0, or -errno with a sentence for a person in `error`. */
int part_files_open(const char *parts, const struct id *run, bool resumes,
                    struct part_files **ret_files, char *error, size_t error_size);
/* Leaves no empty directory behind. */
void part_files_close(struct part_files **files_p);
/* The directory of the run. */
const char *part_files_path(const struct part_files *files);

/* Writes the result's bytes as a part, and puts its line in their place. Waits for the
 * disk. 0 or -errno, and then the result must not count. */
int part_files_keep(const struct part_files *files, struct result *result,
                    uint64_t epoch, uint32_t attempt);
/* The only result of a RESULT that is a part, which a worker has written: its line.
 * NULL: there is no such file of that size; a person hears so. */
struct result *part_files_decode(struct part_files *files, struct result_memory *memory,
                                 const struct message *message, zmq_msg_t *payload);

/* The run is complete: removes what no line of the manifest names. 0 or -errno. */
int part_files_sweep(const struct part_files *files, const char *manifest);

#endif
