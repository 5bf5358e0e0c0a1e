/* SPDX-License-Identifier: MIT */
/*
 * libfanfold: hands records to workers from a program of your own, and takes the
 * results in the order of the records. It starts the program fanfold(1) and talks with
 * it by sockets: the caller's process gets no thread, no ZeroMQ context and no signal
 * handler, so it may fork. fanfold-lib(3) is the manual.
 *
 *     struct fanfold_config config = FANFOLD_CONFIG_INIT;
 *     config.command = (const char *const[]){"./filter", NULL};
 *     struct fanfold *run = fanfold_open(&config);
 *     ... fanfold_push, fanfold_take, fanfold_wait ...
 *     fanfold_close(&run);
 *
 * No call blocks but fanfold_wait, and fanfold_close of a run that has not ended. A run
 * belongs to the process that opened it, and to one thread at a time; a process may
 * have several. What the library keeps in memory is one record, one result, and 128
 * KiB.
 */
#ifndef FANFOLD_LIBFANFOLD_H
#define FANFOLD_LIBFANFOLD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define FANFOLD_API __attribute__((visibility("default")))
#else
#define FANFOLD_API
#endif

/* Rises when the meaning of a call changes; fields may be added without. */
#define FANFOLD_LIB_VERSION 1

struct fanfold;

/* What happens to a record that has failed for good. */
enum fanfold_on_error {
    FANFOLD_SKIP = 0, /* take returns a result of kind FANFOLD_FAILED in its place */
    FANFOLD_STOP = 1, /* the run ends, and take returns FANFOLD_ERROR */
};

/* Begin with FANFOLD_CONFIG_INIT. Strings are copied; 0 and NULL mean the default. */
struct fanfold_config {
    size_t size;                /* of this struct, as the caller was compiled with it */
    const char *const *command; /* the workers' program and its arguments, then NULL */
    const char *mode;           /* exec, lines or frames: as --mode of fanfold(1) */
    unsigned slots;             /* as -j: tasks that run at the same time here */
    unsigned retries;           /* attempts that a record has, as --retries */
    enum fanfold_on_error on_error;
    int unordered;       /* 1: take returns results as they come; seq says whose */
    int keep_frame;      /* 1: the program gets each record behind its length */
    const char *hosts;   /* as -S: workers on other hosts, by ssh */
    const char *tasks;   /* as --tasks: where other workers may join */
    uint64_t max_record; /* bytes; the default is 4 GiB - 1, which is the most */
    uint64_t max_result; /* bytes; the default is 1 GiB */
    const char *const *options; /* more options of fanfold(1), then NULL; none of what
                                   records and results are, or come from and go to */
    const char *program;        /* path of fanfold; NULL: it is looked for */
    int stderr_fd; /* what the programs print is copied there; -1: it is kept for
                      fanfold_error alone, and only its end */
};
#define FANFOLD_CONFIG_INIT                                    \
    {                                                          \
        .size = sizeof(struct fanfold_config), .stderr_fd = -1 \
    }

enum fanfold_outcome {
    FANFOLD_OK = 0,
    FANFOLD_FULL = 1,  /* push: nothing was taken; wait, take results, try again */
    FANFOLD_EMPTY = 2, /* take: no result is there yet; wait: the time is over */
    FANFOLD_END = 3, /* take: every record pushed has been answered, the run is over */
    FANFOLD_ERROR = -1 /* fanfold_error has the sentence; the run is over unless that
                          says that a record was refused */
};

enum fanfold_kind {
    FANFOLD_RESULT = 0, /* what the program answered */
    FANFOLD_FAILED = 1, /* the record has failed for good */
};

struct fanfold_result {
    uint64_t seq; /* which record, from 0: as fanfold_push numbered it */
    enum fanfold_kind kind;
    const void *data; /* of a failure: its description, as JSON */
    size_t size;
    /* Of a failure; else NULL, NULL and 0. */
    const char *reason; /* "exit status 3", "signal 9 (KILL)" */
    const char *text;   /* the end of what the last attempt wrote to standard error */
    unsigned attempts;
};

/* NULL: out of memory. If the run could not begin, fanfold_error says why, and all
 * other calls but fanfold_close return FANFOLD_ERROR. */
FANFOLD_API struct fanfold *fanfold_open(const struct fanfold_config *config);

/* Hands over one record, by copying it: FANFOLD_OK and its number, FANFOLD_FULL, or
 * FANFOLD_ERROR. ret_seq may be NULL. A record of 4 GiB, or above max_record, is
 * refused; the run continues. */
FANFOLD_API int fanfold_push(struct fanfold *run, const void *data, size_t size,
                             uint64_t *ret_seq);
/* The record is the parts, one behind the other; at most 64. */
FANFOLD_API int fanfold_pushv(struct fanfold *run, const struct iovec *parts, int count,
                              uint64_t *ret_seq);

/* No more records: the run ends when it has answered those that it has. Taking results
 * goes on. FANFOLD_OK or FANFOLD_ERROR. */
FANFOLD_API int fanfold_finish(struct fanfold *run);

/* The next result: FANFOLD_OK, FANFOLD_EMPTY, FANFOLD_END or FANFOLD_ERROR. What the
 * result points at is valid until the next call of fanfold_take or fanfold_close. */
FANFOLD_API int fanfold_take(struct fanfold *run, struct fanfold_result *ret_result);

/* A descriptor for poll, select and epoll, level-triggered: while it is readable, call
 * fanfold_take until that returns FANFOLD_EMPTY, and a push that was FANFOLD_FULL may
 * be tried again. Never read it. -1: the run did not begin. */
FANFOLD_API int fanfold_fd(struct fanfold *run);

/* Waits until the descriptor is readable: FANFOLD_OK, FANFOLD_EMPTY after the time
 * (-1: no limit) or at a signal, FANFOLD_ERROR. */
FANFOLD_API int fanfold_wait(struct fanfold *run, int timeout_ms);

/* A sentence; "" if nothing went wrong. Valid until the next call. */
FANFOLD_API const char *fanfold_error(struct fanfold *run);

/* The exit status of fanfold(1), 128 + n after signal n; -1: it has not ended, or
 * another part of this process waited for it. */
FANFOLD_API int fanfold_status(struct fanfold *run);

/* Ends the run if it has not ended, within some seconds, frees it, and makes *run_p
 * NULL. In a process that was forked after fanfold_open it leaves the run alone. */
FANFOLD_API void fanfold_close(struct fanfold **run_p);

#ifdef __cplusplus
}
#endif

#endif
