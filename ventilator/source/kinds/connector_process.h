/* SPDX-License-Identifier: MIT */
/* The process of a connector, over two pipes; its standard error is for people. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_PROCESS_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CONNECTOR_LINE_MAX = 160 /* bytes, with the newline */ };

struct connector_process {
    pid_t pid;      /* 0: there is none */
    int records_fd; /* we read; -1: closed */
    int control_fd; /* we write; -1: closed */
    int handle;     /* a pidfd; -1: there is none */
    int events_fd;  /* readable when records_fd is or the process has ended; -1 */
    char line[CONNECTOR_LINE_MAX]; /* that is being written: `written` bytes were */
    size_t line_size, written;
    char next[CONNECTOR_LINE_MAX]; /* to be written behind it; "": none */
};

extern const struct connector_process connector_process_none;

/* Starts it with `sh -c`; it leads a process group of its own. 0 or -errno. */
int connector_process_start(struct connector_process *process, const char *command);
/* Whether it has ended, which *ret_status then tells as waitpid does; it is reaped. */
bool connector_process_ended(struct connector_process *process, int *ret_status);
/* Whether events_fd tells its end; else the caller looks. */
bool connector_process_tells_end(const struct connector_process *process);
/* Ends its input, waits for `patience_ms`, and kills it with its group. True: it ended
 * by itself, and *ret_status tells how. */
bool connector_process_stop(struct connector_process *process, int patience_ms,
                            int *ret_status);

/* Has the line written, in place of one that was not begun. */
void connector_process_tell(struct connector_process *process, const char *line);
/* Writes what the process takes now. */
void connector_process_write(struct connector_process *process);

#endif
