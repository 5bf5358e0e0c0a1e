/* SPDX-License-Identifier: MIT */
/* Tells a person how the run ended, where its dead letters are, and how to resume it:
 * only the sink knows. */
#ifndef FANFOLD_SINK_END_REPORT_H
#define FANFOLD_SINK_END_REPORT_H

#include "common/records/record_format.h"
#include "sink/dead_letters/dead_letter_tally.h"
#include "sink/journal/resume.h"
#include "sink/options.h"
#include "sink/session/session.h"

struct end_report {
    const struct sink_options *options;
    const struct resume_point *resume;
    const struct record_format *format; /* of the input's records */
    struct sink_verdict verdict;
    bool finished;                  /* all is written and committed */
    bool dismissed;                 /* GOODBYE came */
    bool output_lost;               /* it has its name no more: nobody can resume */
    uint64_t dead_letters;          /* of the run */
    struct dead_letter_tally tally; /* of those of this sink */
    uint32_t header_lines; /* of the header that lies with them; 0: none does */
    uint32_t header_out;   /* lines that each result begins with */
    uint64_t safe_next, safe_offset; /* seq and byte that the journal has */
    uint64_t parts; /* of an output that is rotated: those that have their names */
};

void end_report_say(const struct end_report *report);

#endif
