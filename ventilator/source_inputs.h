/* SPDX-License-Identifier: MIT */
/*
 * The inputs that a source reads, one after the other: opened once at the start, to see
 * that they are there and what they are, and again when their turn comes. Of files, the
 * latest are kept open, so that they may be taken away while they are read. Only
 * source*.c use this.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_INPUTS_H
#define FANFOLD_VENTILATOR_SOURCE_INPUTS_H

#include "ventilator/input.h"
#include "ventilator/source_identity.h"

struct named_input {
    char *name;       /* for messages */
    const char *path; /* borrowed; NULL: standard input */
    enum source_kind kind;
    struct input input;
    enum compression compression; /* of a packed file */
    uint64_t start, size;         /* of a file; what it is read from, and its bytes */
    dev_t device;
    ino_t inode;
};

struct inputs {
    struct named_input *items;
    uint32_t count; /* at least 1 */
    bool unpacks;
    const char *program; /* as decompressor_start has it; borrowed */
};

/* Opens all, borrowing the paths. 0, or -errno with a sentence for a person. */
int inputs_open(struct inputs *inputs, const char *const *paths, uint32_t count,
                bool unpacks, const char *program, char *error, size_t error_size);
void inputs_deinit(struct inputs *inputs);

/* Together with how they are cut, as `cut` has it. 0, or as inputs_open. */
int inputs_identify(struct inputs *inputs, const struct source_cut *cut,
                    struct source_identity *ret_identity, char *error,
                    size_t error_size);

/* The turn of this one has come: it can be read. 0, or -errno; -ESTALE: there is
 * another file by its name. */
int inputs_turn_to(struct inputs *inputs, uint32_t number);

/* As input_kind's reread, of a file whose turn has come or is over. */
int inputs_reread(const struct inputs *inputs, uint32_t number, uint64_t offset,
                  void *buffer, size_t size);

/* All of them are files that can be read anywhere, again and again. */
bool inputs_are_files(const struct inputs *inputs);

#endif
