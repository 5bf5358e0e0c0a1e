/* SPDX-License-Identifier: MIT */
/*
 * Where a run sets out: whether there is a journal, what it says, and whether that, the
 * output and the directory of the dead letters go together. Changes nothing but that
 * letters which do not count are removed.
 */
#ifndef FANFOLD_SINK_OUTSET_H
#define FANFOLD_SINK_OUTSET_H

#include "sink/journal.h"
#include "sink/options.h"
#include "sink/output.h"

struct outset {
    char *journal; /* path; NULL: none is kept */
    char *letters; /* directory */
    bool resumed;  /* `start` is what the journal says */
    struct journal start;
};

/* STATUS_OK, or the status to leave with, which has been explained to a person. The
 * output is locked. Either way outset_deinit is to be called. */
int outset_find(struct outset *outset, const struct sink_options *options,
                struct output *output);
void outset_deinit(struct outset *outset);

#endif
