/* SPDX-License-Identifier: MIT */
/* Here is a sentence for each way in which a run may not begin or be resumed. */
#include "sink/journal/resume.h"

#include "common/exit_status.h"
#include "common/files/derived_path.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/random_id.h"
#include "sink/dead_letters/dead_letters.h"
#include "sink/journal/reserved_names.h"
#include "sink/output/output_fingerprint.h"
#include "sink/output/output_part.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ERROR_MAX = 1024 };

/* A file of its own has a journal and dead letters beside it. What was open before has
 * other writers, or a name that says nothing. */
static bool has_place_beside(const struct resume_request *request,
                             const struct output *output)
{
    return request->output != NULL && output_is_regular(output) &&
           output_is_owned(output);
}

static char *find_dead_letters(const struct resume_request *request,
                               const struct output *output)
{
    if (request->dead_letters)
        return allocate_text("%s", request->dead_letters);
    if (has_place_beside(request, output))
        return dead_letters_path(request->output);
    return allocate_text("fanfold.dead-letters");
}

/* ---- dead letters ---- */

/* The same command may have come before, and several times. */
static char *free_name(const char *taken)
{
    struct stat status;
    for (unsigned number = 2;; number++) {
        char *name = allocate_text("%s.%u", taken, number);
        if (lstat(name, &status) != 0)
            return name;
        free(name);
    }
}

static int say_others(const struct resume_point *resume)
{
    char *other = free_name(resume->dead_letters);
    say("%s has dead letters of another run: move them away, or give --dead-letters %s "
        "as well",
        resume->dead_letters, other);
    free(other);
    return STATUS_USAGE;
}

static int refuse_others(const struct resume_point *resume,
                         const struct resume_request *request)
{
    uint64_t highest;
    int result = dead_letters_highest(resume->dead_letters, &highest);
    if (result < 0) {
        say("cannot look for dead letters in %s: %s", resume->dead_letters,
            strerror(-result));
        return STATUS_IO;
    }
    if (highest > 0)
        return say_others(resume);
    if (request->no_dead_letters || !dead_letters_have_header(resume->dead_letters))
        return STATUS_OK;
    say("%s has a file named header, which the run may need for its dead letters: move "
        "it away, or name another --dead-letters",
        resume->dead_letters);
    return STATUS_USAGE;
}

/* The sink writes again what the journal does not count. */
static int cut_uncounted(const struct resume_point *resume)
{
    int result = dead_letters_cut(resume->dead_letters,
                                  resume->start.position.dead_letters,
                                  &resume->start.position.run);
    if (result == 0)
        return STATUS_OK;
    if (result > 0)
        return say_others(resume);
    say("cannot remove from %s the dead letters that do not count: %s",
        resume->dead_letters, strerror(-result));
    return STATUS_IO;
}

/* The directory may be named by another spelling than before, or be somewhere else
 * now: then what is in it says that it is the run's. */
static int check_resumed(const struct resume_point *resume,
                         const struct resume_request *request)
{
    unsigned long long count = resume->start.position.dead_letters;
    bool named = resume->start.dead_letters_name ==
                 journal_dead_letters_name(resume->dead_letters);
    bool known = dead_letters_are_of(resume->dead_letters, count > 0 ? count : 1,
                                     &resume->start.position.run);
    if (named || known)
        return cut_uncounted(resume);
    if (count == 0)
        return refuse_others(resume, request);
    say("%s is not where this run's %llu dead letters are: give --dead-letters as "
        "before",
        resume->dead_letters, count);
    return STATUS_USAGE;
}

static int check_dead_letters(const struct resume_point *resume,
                              const struct resume_request *request)
{
    if (request->no_dead_letters && !resume->journal)
        return STATUS_OK; /* those that are there are in nobody's way */
    return resume->resumed ? check_resumed(resume, request)
                           : refuse_others(resume, request);
}

/* ---- the journal ---- */

static int start_over(const struct resume_point *resume,
                      const struct resume_request *request, const struct output *output)
{
    if (!request->resume || output_found_bytes(output) == 0)
        return STATUS_OK;
    say("%s has no journal, %s: it is complete, or no such run wrote it; without "
        "--resume a run overwrites it",
        request->output, resume->journal);
    return STATUS_USAGE;
}

/* The output must be what the run has written, as far as that is known. */
static int check_fingerprint(const struct resume_point *resume,
                             const struct resume_request *request,
                             const struct output *output)
{
    uint64_t fingerprint = 0;
    unsigned long long offset = resume->start.offset;
    if (resume->start.fingerprint == 0)
        return STATUS_OK;
    int result = output_fingerprint(output_descriptor(output), resume->start.offset,
                                    &fingerprint);
    if (result == 0 && fingerprint == resume->start.fingerprint)
        return STATUS_OK;
    if (result < 0)
        say("cannot read %s, to check it against its journal: %s", request->output,
            strerror(-result));
    else
        say("%s is not what this run has written: it differs before byte %llu, where "
            "its journal stopped",
            request->output, offset);
    return STATUS_IO;
}

/* The sink may have been killed when a part had its own name already, or the last one:
 * then the output is empty, or is just being made, and is the next part. */
static void find_part(struct journal *start, const struct output *output)
{
    bool ended = start->closing || start->position.finished;
    if (start->part > 0 && ended && start->offset > 0 &&
        output_found_bytes(output) == 0)
        journal_begin_part(start);
}

static int resume_run(struct resume_point *resume, const struct resume_request *request,
                      struct output *output)
{
    unsigned long long offset = resume->start.offset;
    if (!request->resume && resume->start.position.next == 0)
        return STATUS_OK; /* that run wrote nothing, and nothing is lost with it */
    if (!request->resume) {
        say("%s is the journal of an unfinished run: give --resume to continue it, or "
            "remove the journal to start over",
            resume->journal);
        return STATUS_USAGE;
    }
    if ((resume->start.framing == JOURNAL_PARTS) !=
        (request->framing == JOURNAL_PARTS)) {
        say("the run that %s is of has its results in %s: give --parts as before",
            resume->journal,
            resume->start.framing == JOURNAL_PARTS ? "parts" : "its output");
        return STATUS_USAGE;
    }
    if (resume->start.framing != request->framing) {
        say("the run that %s is of has other frames in its output: give --frames-out "
            "as "
            "before",
            resume->journal);
        return STATUS_USAGE;
    }
    if (request->rotates != (resume->start.part > 0)) {
        say("the run that %s is of has its output %s: give --rotate as before",
            resume->journal, request->rotates ? "in one file" : "in parts");
        return STATUS_USAGE;
    }
    find_part(&resume->start, output);
    resume->resumed = true;
    resume->other_command = request->command && resume->start.command &&
                            request->command != resume->start.command;
    int result = output_resume(output, resume->start.offset, resume->start.earlier);
    if (result == 0)
        return check_fingerprint(resume, request, output);
    if (result > 0)
        say("%s is shorter than its journal says: it has %llu bytes of %llu; remove "
            "%s to start over",
            request->output, (unsigned long long)output_found_bytes(output), offset,
            resume->journal);
    else
        say("cannot write %s from byte %llu on: %s", request->output, offset,
            strerror(-result));
    return STATUS_IO;
}

static int read_journal(struct resume_point *resume,
                        const struct resume_request *request, struct output *output)
{
    char error[ERROR_MAX] = "";
    int result = journal_read(resume->journal, &resume->start, error, sizeof error);
    if (result == -ENOENT)
        return start_over(resume, request, output);
    if (result == 0)
        return resume_run(resume, request, output);
    say("%s", error);
    return STATUS_IO;
}

/* A new run numbers its parts from 1. */
static int refuse_parts(const struct resume_request *request)
{
    char *part = output_part_find(request->output);
    if (!part)
        return STATUS_OK;
    say("%s is a part of another run's output: move the parts away, or write to "
        "another "
        "output",
        part);
    free(part);
    return STATUS_USAGE;
}

int resume_point_find(struct resume_point *resume, const struct resume_request *request,
                      struct output *output)
{
    int status = STATUS_OK;
    *resume = (struct resume_point){.dead_letters = find_dead_letters(request, output)};
    if (has_place_beside(request, output) && !request->unordered) {
        resume->journal = journal_path(request->output);
        status = read_journal(resume, request, output);
    } else if (request->resume) {
        say("--resume: %s is no file that could have a journal", request->output);
        status = STATUS_USAGE;
    }
    const struct reserved_names names = {
        .output = has_place_beside(request, output) ? request->output : NULL,
        .journal = resume->journal,
        .dead_letters = request->no_dead_letters ? NULL : resume->dead_letters,
    };
    if (status == STATUS_OK)
        status = reserved_names_check(&names);
    if (status == STATUS_OK)
        status = check_dead_letters(resume, request);
    if (status == STATUS_OK && request->rotates && !resume->resumed)
        status = refuse_parts(request);
    if (!resume->resumed) {
        memset(&resume->start, 0, sizeof resume->start);
        resume->start.position.run = id_random();
        resume->start.part = request->rotates;
    }
    resume->command = request->command;
    resume->framing = request->framing;
    resume->start.dead_letters_name = journal_dead_letters_name(resume->dead_letters);
    return status;
}

void resume_point_warn(struct resume_point *resume)
{
    if (resume->other_command)
        say("warning: the run that %s is of had another command or mode: what is "
            "written so far is from that one",
            resume->journal);
    resume->other_command = false;
}

void resume_point_deinit(struct resume_point *resume)
{
    free(resume->journal);
    free(resume->dead_letters);
    *resume = (struct resume_point){.journal = NULL};
}
