/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/departure_report.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "deploy/slurm/job_log.h"
#include "deploy/slurm/scaler.h"
#include "deploy/slurm/time_limit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void departure_look_at_log(struct slurm_departure *departure, const char *log)
{
    if (departure->end == SLURM_KILLED && job_log_says_memory(log))
        departure->end = SLURM_MEMORY;
    if (departure->end == SLURM_REQUEUED && job_log_says_preempted(log))
        departure->end = SLURM_PREEMPTED;
    bool nowhere = departure->code == STATUS_NOT_FOUND ||
                   departure->code == STATUS_CANNOT_EXECUTE;
    if (departure->end == SLURM_FAILED && nowhere && job_log_says_refused(log))
        departure->end = SLURM_REFUSED;
}

void departure_look_at_limit(struct slurm_departure *departure, uint64_t drain_before_s)
{
    if (departure->end == SLURM_DONE && departure->early && departure->limit_s &&
        time_limit_is_short(departure->limit_s, drain_before_s))
        departure->end = SLURM_SHORT;
}

/* "has failed with status 127; it said: "no such file""; on the heap. */
static char *describe(const struct slurm_departure *departure, const char *log)
{
    char quoted[1200], code[100] = "";
    char *lines = allocate_text("%s", log);
    if (departure->end == SLURM_FAILED)
        snprintf(code, sizeof code, " with status %d", departure->code);
    if (departure->end == SLURM_KILLED)
        snprintf(code, sizeof code, " %d (%s)", departure->code,
                 strsignal(departure->code));
    bool blames = departure->end == SLURM_FAILED || departure->end == SLURM_KILLED ||
                  departure->end == SLURM_REFUSED;
    const char *said = blames ? job_log_last_line(lines) : NULL;
    char *text = allocate_text(
        "%s%s%s%s", slurm_end_text(departure->end), code, said ? "; it said: " : "",
        said ? log_quote(quoted, sizeof quoted, (const uint8_t *)said, strlen(said))
             : "");
    free(lines);
    return text;
}

void departure_report_say(const struct slurm_departure *departure, const char *log)
{
    char *why = describe(departure, log);
    say("the worker of Slurm's job %lu_%lu on %s has left: the job %s",
        (unsigned long)departure->array, (unsigned long)departure->task,
        departure->node, why);
    free(why);
}

void departure_report_say_excluded(const struct slurm_departure *departure,
                                   const char *log, const char *worker,
                                   const char *directory)
{
    char *why = describe(departure, log);
    say("node %s gets no more workers in this run: %d in a row ended there within a "
        "minute, and the last job %s. See whether the node has what they need, by srun "
        "-w %s ls -d %s %s",
        departure->node, SCALER_DEATHS, why, departure->node, worker, directory);
    free(why);
}
