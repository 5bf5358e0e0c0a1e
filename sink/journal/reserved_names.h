/* SPDX-License-Identifier: MIT */
/*
 * The names that a run makes beside its output, before it makes them: whether another
 * file has one, or two of them are the same. A file that is not this run's is never
 * changed; only what a killed sink left under the journal's temporary name is removed.
 */
#ifndef FANFOLD_SINK_JOURNAL_RESERVED_NAMES_H
#define FANFOLD_SINK_JOURNAL_RESERVED_NAMES_H

struct reserved_names {
    const char *output;       /* NULL: standard output */
    const char *journal;      /* NULL: none is kept */
    const char *dead_letters; /* directory; NULL: there will be none */
};

/* STATUS_OK, or the status to leave with, after a sentence for a person. The output is
 * locked, so that no other sink has a journal there. */
int reserved_names_check(const struct reserved_names *names);

#endif
