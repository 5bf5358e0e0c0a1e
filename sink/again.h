/* SPDX-License-Identifier: MIT */
/*
 * The command line that runs dead letters again, for a person: their bytes into a
 * fanfold that takes records for what they were taken for before. Pure.
 */
#ifndef FANFOLD_SINK_AGAIN_H
#define FANFOLD_SINK_AGAIN_H

#include "common/records.h"

struct again {
    const char *directory;       /* of the letters */
    struct record_format format; /* of the input's records */
    uint32_t header_lines;       /* of the file `header` among them; 0: there is none */
    uint32_t header_out;         /* lines that each result begins with */
    bool elsewhere;              /* letters of its own need another directory */
};

/* The caller frees it. */
char *again_command(const struct again *again);

#endif
