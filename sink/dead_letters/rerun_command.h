/* SPDX-License-Identifier: MIT */
/*
 * The command line that runs dead letters again, for a person: a fanfold that reads
 * them, and records in them as the run did. Pure.
 */
#ifndef FANFOLD_SINK_DEAD_LETTERS_RERUN_COMMAND_H
#define FANFOLD_SINK_DEAD_LETTERS_RERUN_COMMAND_H

#include "common/records/record_format.h"

struct rerun_command {
    const char *directory;       /* of the dead letters */
    struct record_format format; /* of the input's records */
    uint32_t header_lines;       /* of the file `header` among them; 0: there is none */
    uint32_t header_out;         /* lines that each result begins with */
    bool elsewhere;              /* its own dead letters need another directory */
    const char *words; /* the run's other options and its command, quoted; NULL: not
                          known */
};

/* The caller frees it. */
char *rerun_command(const struct rerun_command *rerun);

#endif
