/* SPDX-License-Identifier: MIT */
/* The names of dead letters, and a directory of them as inputs: NNNNNN.input, in the
 * order of their numbers, which belong behind the file `header` if there is one. */
#ifndef FANFOLD_COMMON_FILES_LETTERS_H
#define FANFOLD_COMMON_FILES_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LETTER_NAME_MAX = 64 };

/* Six digits, so that the names sort as the numbers do; a longer number has a letter in
 * front, a for seven digits, b for eight, as letters sort behind digits. Behind them
 * `end`, such as ".input". */
void letter_name(uint64_t number, const char *end, char name[LETTER_NAME_MAX]);
/* The number in a file's name, and what is behind it; 0: it is no dead letter's. */
uint64_t letter_number(const char *name, const char **ret_end);

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
