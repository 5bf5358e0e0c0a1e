/* SPDX-License-Identifier: MIT */
/* What the command line of fanfold-worker says. */
#ifndef FANFOLD_WORKER_OPTIONS_H
#define FANFOLD_WORKER_OPTIONS_H

#include "common/options.h"
#include "worker/program/program_config.h"
#include "worker/session/session.h"

#define PLACE_PREFIX "place:" /* of the capability that names it */

enum { PLACE_MAX_BYTES = CAPABILITY_MAX_BYTES - sizeof PLACE_PREFIX + 1 };

struct worker_options {
    struct common_options common;
    enum program_mode mode;
    bool mode_given;
    const char *plugin; /* NULL: none */
    char **command;     /* what is run; plugin: its file and its arguments */
    uint32_t slots;
    bool prepare_each;     /* frames */
    int64_t silence_us;    /* lines; 0: no limit */
    bool strip_frame;      /* it gets each record of frames without its length */
    bool shell;            /* the command is a shell's command line */
    const char *workdir;   /* NULL: here */
    int niceness;          /* of the program; 0: ours */
    uint64_t memory_bytes; /* that a slot may use; 0: no limit */
    const char *root;      /* below which it reads chunks by reference; NULL: nowhere */
    const char *parts;     /* where results are written as files; NULL: nowhere */
    bool stay;
    bool leash; /* hidden: standard input tells it to leave, at its end to hurry; and no
                   other program here could say why it waits */
    enum on_lost on_lost;
    int64_t wait_us;         /* for a ventilator in place of one that is lost; < 0: as
                                --patience says */
    int64_t drain_before_us; /* leave so long before end_s; 0: not given */
    int64_t end_s;           /* when the walltime ends, since 1970; 0: nobody said */
    const char *place;       /* what started it calls it so; NULL: nothing does */
    const char *check;       /* the endpoint to look at, and nothing else; NULL: none */
    int alive_fd;            /* -1: none; written to when the first task is done */
};

/* Fills all of `ret_options`, whose strings live as long as argv. On --help, --version
 * and bad usage it exits, as options_parse does. False: no command, or options that do
 * not go together; the person was told. */
bool worker_options_parse(int argc, char **argv, struct worker_options *ret_options);

#endif
