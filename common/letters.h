/* SPDX-License-Identifier: MIT */
/* A directory of dead letters as inputs: NNNNNN.input, in the order of their numbers,
 * which belong behind the file `header` if there is one. */
#ifndef FANFOLD_COMMON_LETTERS_H
#define FANFOLD_COMMON_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letters {
    uint64_t *numbers; /* ascending */
    size_t count;
};

/* 0: there is at least one; -EISDIR: there is none; -errno, -ENOTDIR among them. */
int letters_list(const char *directory, struct letters *ret_letters);
void letters_deinit(struct letters *letters);

/* The path of one, and of the header; the caller frees them. */
char *letter_path(const char *directory, uint64_t number);
char *letters_header_path(const char *directory);

/* Reads a file of at most `size` bytes; -EFBIG: it has more. */
int letters_read_header(const char *path, void *bytes, size_t size, size_t *ret_size);

#endif
