/* SPDX-License-Identifier: MIT */
/*
 * The file of --joblog: a line for each chunk that ended, in GNU parallel's format.
 * Gathers lines and writes them within a second. Where the file was moved away or
 * removed, as those do who rotate logs, makes a new one with a header. When the file
 * cannot be written any more, says so once, and the run continues without it.
 */
#ifndef FANFOLD_VENTILATOR_REPORT_JOB_LOG_H
#define FANFOLD_VENTILATOR_REPORT_JOB_LOG_H

#include "ventilator/scheduler/dispatch.h"
#include <stddef.h>

struct job_log;

/* What it points to outlives the log. */
struct job_log_config {
    const char *path;          /* a + before it: append */
    bool append;               /* as well */
    const char *const *inputs; /* none of which it may be; "-" is standard input */
    uint32_t input_count;      /* 0: standard input alone */
};

/* 0, or -errno with a sentence for a person in `error`; -EINVAL: it is an input.
 * Changes nothing in a file that is there. */
int job_log_open(const struct job_log_config *config, struct job_log **ret_log,
                 char *error, size_t error_size);
/* Writes the gathered lines. */
void job_log_destroy(struct job_log **log_p);

/* Another process goes on with a copy of it, which it got by a fork. */
int job_log_file(const struct job_log *log);
/* In that one: it has the file by this number. */
void job_log_use(struct job_log *log, int file);
/* In the other one: closes the file, and writes nothing. */
void job_log_leave(struct job_log **log_p);

/* The run begins: empties the file, unless it appends, and writes the header. */
void job_log_begin(struct job_log *log);
void job_log_add(struct job_log *log, const struct completion *completion,
                 int64_t now_us);
/* Writes lines that were gathered long enough ago; returns when it must be called again
 * at the latest. */
int64_t job_log_tick(struct job_log *log, int64_t now_us);

#endif
