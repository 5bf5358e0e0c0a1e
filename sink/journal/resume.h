/* SPDX-License-Identifier: MIT */
/*
 * Where a run begins: whether there is a journal, what it says, and whether that, the
 * output and the directory of the dead letters go together. Changes nothing, except
 * that it removes dead letters that the journal does not count.
 */
#ifndef FANFOLD_SINK_JOURNAL_RESUME_H
#define FANFOLD_SINK_JOURNAL_RESUME_H

#include "sink/journal/journal.h"
#include "sink/output/output.h"

/* What a person asks for. Strings are borrowed. */
struct resume_request {
    const char *output;       /* NULL: standard output */
    const char *dead_letters; /* directory; NULL: beside the output, else in the working
                                 directory */
    bool unordered;
    bool resume;
    uint64_t command;     /* hash of the run's command and mode; 0: not known */
    uint64_t framing;     /* of the output, as the journal has it */
    bool rotates;         /* the output is in parts */
    bool no_dead_letters; /* whoever started the sink knows that there will be none */
};

struct resume_point {
    char *journal;      /* path; NULL: none is kept */
    char *dead_letters; /* directory */
    bool resumed;       /* `start` is what the journal says */
    bool other_command; /* and the run had another command or mode, which nobody was
                           warned of yet */
    struct journal start;
    uint64_t command; /* as the request has it */
    uint64_t framing;
};

/* STATUS_OK, or the status to leave with, after a sentence for a person. The output is
 * locked. The caller calls resume_point_deinit either way. */
int resume_point_find(struct resume_point *resume, const struct resume_request *request,
                      struct output *output);
/* Warns a person, once, that what is written so far is of another command. */
void resume_point_warn(struct resume_point *resume);
void resume_point_deinit(struct resume_point *resume);

#endif
