/* SPDX-License-Identifier: MIT */
/* The program fanfold as a child of the caller: finds it, starts it without running a
 * line of the caller's code in a fork, signals it and waits for it. */
#ifndef FANFOLD_DEPLOY_LIB_PROGRAM_H
#define FANFOLD_DEPLOY_LIB_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct program {
    pid_t pid;  /* 0: none, or it was waited for */
    int fd;     /* readable once it has ended; -1: none, as before Linux 5.3 */
    int input;  /* our end of its standard input, a socket; -1: closed */
    int output; /* of its standard output, a socket */
    int errors; /* of its standard error, a pipe */
    int status; /* exit status, 128 + n after signal n; -1: not known */
};

/* The path, which the caller frees; NULL: there is none. */
char *program_find(const char *named);
/* 0, or -errno and no program; `words` end with NULL. */
int program_start(struct program *program, const char *path, char *const *words);
/* Whether it has ended; fills in `status` then, and waits for it. Does not block. */
bool program_ended(struct program *program);
/* The same, after at most that time. */
bool program_await_end(struct program *program, int timeout_ms);
void program_signal(struct program *program, int signal);
/* Asks it to end, then kills it; returns when it has ended, or after 5 s. */
void program_stop(struct program *program);
/* "fanfold ended with status 3" */
void program_describe_end(const struct program *program, char *text, size_t size);
/* Closes the descriptors, and no more. */
void program_close(struct program *program);

#endif
