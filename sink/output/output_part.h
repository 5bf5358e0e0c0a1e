/* SPDX-License-Identifier: MIT */
/*
 * The parts of an output that is rotated: a part is written under the output's own
 * name, FILE, and gets a name with its number, FILE.000001, when it is complete. From a
 * million on a letter before the number keeps names in the order of numbers.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_PART_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_PART_H

#include <stdint.h>

/* The caller frees it. `output` is a path, or a name in a directory. */
char *output_part_path(const char *output, uint64_t number);
/* A part of the output that is there; the caller frees the path. NULL: there is none,
 * or the directory cannot be read. */
char *output_part_find(const char *output);
/* Gives the output in the directory the name of a complete part, durably. Nothing has
 * the output's name then. 0; -EEXIST: another file has the name of the part; -errno. */
int output_part_finish(int directory, const char *output, uint64_t number);
/* As output_part_finish, of a path. */
int output_part_finish_path(const char *output, uint64_t number);
/* Makes an empty output, locked, for the next part. Its descriptor; -EEXIST: another
 * file has got the name; -errno. */
int output_part_begin(int directory, const char *output);

#endif
