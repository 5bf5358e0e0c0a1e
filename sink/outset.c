/* SPDX-License-Identifier: MIT */
/* Every way in which a run may not begin, or not go on, has its sentence here. */
#include "sink/outset.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include "common/transport.h"
#include "sink/letters.h"
#include "sink/tail.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_MAX = 1024 };

/* A regular file under a name that is not its own: there is no place beside it. */
static bool is_alias(const char *path)
{
    char copy[PATH_MAX], real[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    if (realpath(dirname(copy), real) == NULL)
        return false;
    return strcmp(real, "/dev") == 0 || strncmp(real, "/proc/", 6) == 0;
}

static bool keeps_journal(const struct sink_options *options,
                          const struct output *output)
{
    return options->output != NULL && !options->unordered &&
           output_is_regular(output) && !is_alias(options->output);
}

static char *letters_path(const struct sink_options *options,
                          const struct output *output)
{
    if (options->letters != NULL)
        return allocate_text("%s", options->letters);
    if (options->output != NULL && output_is_regular(output) &&
        !is_alias(options->output))
        return allocate_text("%s.dead-letters", options->output);
    return allocate_text("fanfold.dead-letters");
}

/* ---- dead letters ---- */

static int say_others(const struct outset *outset)
{
    say("%s has dead letters of another run: move them away, or name another "
        "--dead-letters",
        outset->letters);
    return STATUS_USAGE;
}

static int refuse_letters(const struct outset *outset)
{
    uint64_t highest;
    int result = letters_highest(outset->letters, &highest);
    if (result < 0) {
        say("cannot look for dead letters in %s: %s", outset->letters,
            strerror(-result));
        return STATUS_IO;
    }
    if (highest == 0)
        return STATUS_OK;
    return say_others(outset);
}

/* Those of this run that do not count are written anew. In another directory than the
 * run's first nothing is this run's. */
static int mind_letters(const struct outset *outset, const struct sink_options *options)
{
    uint64_t count = outset->start.position.dead_letters;
    if (options->no_letters && outset->journal == NULL)
        return STATUS_OK; /* those in the way belong to no output of this run's */
    if (!outset->resumed || (count == 0 && outset->start.letters_name !=
                                               journal_letters_name(outset->letters)))
        return refuse_letters(outset);
    if (outset->start.letters_name != journal_letters_name(outset->letters)) {
        say("%s is not where this run's %llu dead letters are: give --dead-letters as "
            "before",
            outset->letters, (unsigned long long)count);
        return STATUS_USAGE;
    }
    int result = letters_cut(outset->letters, count, &outset->start.position.run);
    if (result == 0)
        return STATUS_OK;
    if (result > 0)
        return say_others(outset);
    say("cannot remove dead letters that do not count from %s: %s", outset->letters,
        strerror(-result));
    return STATUS_IO;
}

/* ---- the journal ---- */

static int begin_afresh(const struct outset *outset, const struct sink_options *options,
                        const struct output *output)
{
    if (!options->resume || output_found_bytes(output) == 0)
        return STATUS_OK;
    say("%s has no journal, %s: it is complete, or not of such a run; without --resume "
        "it is written anew",
        options->output, outset->journal);
    return STATUS_USAGE;
}

/* Whether it is what the run has written, as far as that is known. */
static int mind_output(const struct outset *outset, const struct sink_options *options,
                       const struct output *output)
{
    uint64_t tail = 0;
    unsigned long long offset = outset->start.offset;
    if (outset->start.tail == 0)
        return STATUS_OK;
    int result = tail_hash(output_descriptor(output), outset->start.offset, &tail);
    if (result == 0 && tail == outset->start.tail)
        return STATUS_OK;
    if (result < 0)
        say("cannot read %s, to see that it is what its journal says: %s",
            options->output, strerror(-result));
    else
        say("%s is not what this run has written: before byte %llu, where its journal "
            "stands, it is another",
            options->output, offset);
    return STATUS_IO;
}

static int go_on(struct outset *outset, const struct sink_options *options,
                 struct output *output)
{
    unsigned long long offset = outset->start.offset;
    if (!options->resume && outset->start.position.next == 0)
        return STATUS_OK; /* nothing is lost with it: a run that did not get so far */
    if (!options->resume) {
        say("%s is the journal of a run that was not ended: give --resume to go on, or "
            "remove it to begin anew",
            outset->journal);
        return STATUS_USAGE;
    }
    outset->resumed = true;
    int result = output_go_on(output, outset->start.offset);
    if (result == 0)
        return mind_output(outset, options, output);
    if (result > 0)
        say("%s is shorter than its journal says: it has %llu bytes of %llu; remove "
            "%s to begin anew",
            options->output, (unsigned long long)output_found_bytes(output), offset,
            outset->journal);
    else
        say("cannot write %s from byte %llu on: %s", options->output, offset,
            strerror(-result));
    return STATUS_IO;
}

static int read_journal(struct outset *outset, const struct sink_options *options,
                        struct output *output)
{
    char error[ERROR_MAX] = "";
    int result = journal_read(outset->journal, &outset->start, error, sizeof error);
    if (result == -ENOENT)
        return begin_afresh(outset, options, output);
    if (result == 0)
        return go_on(outset, options, output);
    say("%s", error);
    return STATUS_IO;
}

int outset_find(struct outset *outset, const struct sink_options *options,
                struct output *output)
{
    int status = STATUS_OK;
    *outset = (struct outset){.letters = letters_path(options, output)};
    if (keeps_journal(options, output)) {
        outset->journal = journal_path(options->output);
        status = read_journal(outset, options, output);
    } else if (options->resume) {
        say("--resume: %s is no file that could have a journal", options->output);
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK)
        status = mind_letters(outset, options);
    if (!outset->resumed) {
        memset(&outset->start, 0, sizeof outset->start);
        outset->start.position.run = id_random();
    }
    outset->start.letters_name = journal_letters_name(outset->letters);
    return status;
}

void outset_deinit(struct outset *outset)
{
    free(outset->journal);
    free(outset->letters);
    *outset = (struct outset){.journal = NULL};
}
