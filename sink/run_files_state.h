/* SPDX-License-Identifier: MIT */
/* What run_files.c and run_commits.c share; nobody else includes it. */
#ifndef FANFOLD_SINK_RUN_FILES_STATE_H
#define FANFOLD_SINK_RUN_FILES_STATE_H

#include "sink/dead_letters/dead_letter_tally.h"
#include "sink/dead_letters/dead_letter_writer.h"
#include "sink/journal/checkpointer.h"
#include "sink/output/output_writer.h"
#include "sink/run_files.h"
#include "sink/sender/spool_out.h"

enum { ERROR_MAX = 1024 };

struct run_files {
    const struct sink_options *options;
    struct resume_point *resume;
    struct result_memory *memory;
    struct part_files *part_files; /* NULL: results go to the output */
    struct stall_watch *stall_watch;
    struct sink_session *session;
    struct output_writer *output;
    struct dead_letter_writer *dead_letters;
    struct dead_letter_tally tally;
    bool shaped;          /* the output knows what results become in it */
    bool part_ordered;    /* a commit comes, with which the output's part ends */
    uint64_t last_ticket; /* of the commit that waits until all has left; 0: none */
    struct spool_out spool;
    int64_t alone_since_us; /* messages have had no receiver; 0: they wait for none */
    struct checkpointer *checkpointer;
    struct record_format format; /* of the input's records, as WELCOME says */
    struct sink_verdict late;    /* of the output's close, when the session was done;
                                    status 0: none */
    bool failed;                 /* the session was told to fail */
    bool stirred;                /* it was told something */
};

/* Nothing is committed any more. */
void run_files_fail_journal(struct run_files *files, const char *text, int64_t now_us);

#endif
