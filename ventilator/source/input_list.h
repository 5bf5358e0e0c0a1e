/* SPDX-License-Identifier: MIT */
/*
 * The inputs that a source reads, one after the other. Opens all at the start, to see
 * that they are there and what they are, and files again when their turn comes. Keeps
 * the latest files open, so that somebody may remove them while the source reads them.
 *
 * A directory of dead letters is so many inputs. They are what a program was given, and
 * not decompressed again.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_INPUT_LIST_H
#define FANFOLD_VENTILATOR_SOURCE_INPUT_LIST_H

#include "ventilator/source/file_age.h"
#include "ventilator/source/input.h"
#include "ventilator/source/input_fingerprint.h"

struct connector_config;
struct message_input_config;

struct named_input {
    char *name;       /* for messages */
    const char *path; /* borrowed, but a dead letter's; NULL: standard input */
    char *header;     /* of a dead letter: the path of the file that has its header */
    enum source_kind kind;
    struct input input;
    enum compression compression; /* of a compressed file */
    uint64_t start, size;         /* of a file; what it is read from, and its bytes */
    dev_t device;
    ino_t inode;
    struct file_age age; /* of a file, before any of it was read */
    char *below;         /* its path below the root; NULL: there is no root */
};

struct input_list {
    struct named_input *items;
    uint32_t count;      /* at least 1 */
    bool decompresses;   /* those that are compressed */
    const char *program; /* as decompressor_start has it; borrowed */
    int root;            /* while they are opened: a descriptor; -1: there is none */
};

/* How they are read. Borrowed as long as the list lives. */
struct input_list_config {
    bool decompresses;
    const char *program;
    const char *root; /* the directory below which each has to be; NULL: none */
};

/* Opens all; borrows the paths; `count` becomes that of the inputs. 0, or -errno with a
 * sentence for a person. */
int input_list_open(struct input_list *inputs, const char *const *paths, uint32_t count,
                    const struct input_list_config *config, char *error,
                    size_t error_size);
/* One input, which the words in `names` call so. 0, or as input_list_open. */
int input_list_of_messages(struct input_list *inputs, const char *const *names,
                           uint32_t count, const struct message_input_config *config,
                           char *error, size_t error_size);
int input_list_of_connector(struct input_list *inputs,
                            const struct connector_config *config, const char *name);
/* One input: the messages that a spool keeps. `arguments` are this program's. */
int input_list_of_spool(struct input_list *inputs, const char *path,
                        char *const *arguments, char *error, size_t error_size);
void input_list_deinit(struct input_list *inputs);

/* Of all inputs, and of the cut. 0, or as input_list_open. */
int input_list_fingerprint(struct input_list *inputs, const struct source_cut *cut,
                           struct input_fingerprint *ret_fingerprint, char *error,
                           size_t error_size);

/* The turn of this one has come: opens it for reading. 0, or -errno; -ESTALE: there is
 * another file by its name. */
int input_list_turn_to(struct input_list *inputs, uint32_t number);

/* As input_kind's reread, of a file whose turn has come or is over. */
int input_list_reread(const struct input_list *inputs, uint32_t number, uint64_t offset,
                      void *buffer, size_t size);

/* All of them are files that can be read anywhere, again and again. */
bool input_list_are_files(const struct input_list *inputs);

#endif
