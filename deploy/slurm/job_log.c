/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/job_log.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

bool job_log_says_memory(const char *log)
{
    return strstr(log, "exceeded memory limit") || strstr(log, "Exceeded job memory") ||
           strstr(log, "oom_kill") || strstr(log, "oom-kill");
}

bool job_log_says_preempted(const char *log)
{
    static const char due[] = "DUE TO ", preemption[] = "DUE TO PREEMPTION";
    const char *last = NULL;
    for (const char *at = log; (at = strstr(at, due)); at++)
        last = at;
    return last && strncmp(last, preemption, strlen(preemption)) == 0;
}

bool job_log_says_refused(const char *log)
{
    static const char ours[] = "fanfold-worker: ";
    char *lines = allocate_text("%s", log);
    const char *last = job_log_last_line(lines);
    bool says = last && strncmp(last, ours, strlen(ours)) == 0;
    free(lines);
    return says;
}

const char *job_log_last_line(char *log)
{
    char *last = NULL;
    for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
        if (strncmp(line, "slurmstepd", strlen("slurmstepd")) != 0)
            last = line;
    return last;
}
