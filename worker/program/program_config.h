/* SPDX-License-Identifier: MIT */
/* How the user's program is to run, as the worker's options say. Plain types for the
 * parts that start it, prepare it and give it tasks. */
#ifndef FANFOLD_WORKER_PROGRAM_PROGRAM_CONFIG_H
#define FANFOLD_WORKER_PROGRAM_PROGRAM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum program_mode {
    PROGRAM_EXEC,   /* a process a chunk */
    PROGRAM_PLUGIN, /* a shared object, prepared once and forked to the slots */
    PROGRAM_LINES,  /* a process a slot, which answers each line with one line */
    PROGRAM_FRAMES, /* a process a slot, FRAMES/1 on its stdin and stdout */
};

struct program_config {
    enum program_mode mode;
    char **argv; /* copied: the command; plugin: the plugin's arguments (argv[0] is the
                    plugin's file) */
    const char *plugin; /* the shared object */
    uint32_t slots;
    bool prepare_each;     /* frames: each slot prepares by itself */
    int64_t silence_us;    /* lines: a task fails when its program writes no byte for so
                              long; 0: never */
    bool shell;            /* argv is a shell's command line */
    const char *workdir;   /* where the program runs; NULL: here */
    int niceness;          /* of the program; 0: ours */
    uint64_t memory_bytes; /* resident, that a slot may use; 0: no limit */
    uint64_t open_files;   /* the soft limit of descriptors that the program gets; 0:
                              ours */
    const char *worker;    /* FANFOLD_WORKER: the worker's uuid in hexadecimal */
    int keeper_fd; /* above 2: open for as long as a process of the program may live */
};

#endif
