/* SPDX-License-Identifier: MIT */
/*
 * A line is a job: NAME=VALUE separated by blanks. A job that is pending may stand for
 * several tasks (ArrayTaskId=4-6,9). COMPLETING hides how a job ends: that is seen at
 * the next look.
 */
#include "deploy/slurm/slurm_jobs.h"

#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY_S = 60 };

struct slurm_job {
    uint32_t id, array, task;
    uint32_t restarts;
    bool running;  /* at the last look */
    bool live;     /* at the last look: it runs, or will */
    bool over;     /* its end was told */
    bool departed; /* the run of before is to be told: */
    struct slurm_departure departure;
    char node[256];
};

const char *slurm_end_text(enum slurm_end end)
{
#define X(name, text, excused) [SLURM_##name] = (text),
    static const char *const texts[] = {SLURM_ENDS(X)};
#undef X
    return texts[end];
}

bool slurm_end_excuses(enum slurm_end end)
{
#define X(name, text, excused) [SLURM_##name] = (excused),
    static const bool excuses[] = {SLURM_ENDS(X)};
#undef X
    return excuses[end];
}

bool slurm_end_renews(const struct slurm_departure *departure)
{
    return departure->end == SLURM_TIMEOUT || departure->end == SLURM_NODE ||
           (departure->end == SLURM_DONE && !departure->early);
}

void slurm_jobs_deinit(struct slurm_jobs *jobs)
{
    free(jobs->jobs);
    *jobs = (struct slurm_jobs){0};
}

/* ---- one line ---- */

/* The value behind " NAME="; false: it has none. The text of a field may contain
 * blanks, but none of those that are asked for. */
static bool find(const char *line, size_t length, const char *name, char *value,
                 size_t size)
{
    size_t name_length = strlen(name);
    for (size_t i = 0; i + name_length < length; i++) {
        if ((i > 0 && line[i - 1] != ' ') || line[i + name_length] != '=' ||
            memcmp(line + i, name, name_length) != 0)
            continue;
        const char *from = line + i + name_length + 1;
        size_t end = 0;
        while (from + end < line + length && from[end] != ' ' && end + 1 < size)
            end++;
        memcpy(value, from, end);
        value[end] = '\0';
        return true;
    }
    return false;
}

static uint32_t find_number(const char *line, size_t length, const char *name)
{
    char value[32];
    return find(line, length, name, value, sizeof value)
               ? (uint32_t)strtoul(value, NULL, 10)
               : 0;
}

/* "3", "4-6", "1,4-6%2": how many. */
static uint32_t count_tasks(const char *list)
{
    uint32_t count = 0;
    while (*list && *list != '%') {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || end == list)
            return count;
        count += (uint32_t)(last - first + 1);
        list = *end == ',' ? end + 1 : end;
    }
    return count;
}

/* "1-02:03:04" or "00:00:12", in seconds. */
static uint64_t read_run_time(const char *text)
{
    unsigned days = 0, hours = 0, minutes = 0, seconds = 0;
    if (sscanf(text, "%u-%u:%u:%u", &days, &hours, &minutes, &seconds) != 4) {
        days = 0;
        sscanf(text, "%u:%u:%u", &hours, &minutes, &seconds);
    }
    return ((days * UINT64_C(24) + hours) * 60 + minutes) * 60 + seconds;
}

static bool is_preempted(const char *line, size_t length)
{
    char when[64];
    return find(line, length, "PreemptTime", when, sizeof when) &&
           strcmp(when, "None") != 0;
}

static enum slurm_end read_end(const char *state, const char *line, size_t length,
                               int *ret_code)
{
    static const struct {
        const char *state;
        enum slurm_end end;
    } rows[] = {
        {"COMPLETED", SLURM_DONE},      {"CANCELLED", SLURM_CANCELLED},
        {"TIMEOUT", SLURM_TIMEOUT},     {"DEADLINE", SLURM_TIMEOUT},
        {"PREEMPTED", SLURM_PREEMPTED}, {"OUT_OF_MEMORY", SLURM_MEMORY},
        {"NODE_FAIL", SLURM_NODE},      {"BOOT_FAIL", SLURM_NODE},
        {"REQUEUED", SLURM_REQUEUED},   {"REQUEUE_HOLD", SLURM_REQUEUED},
    };
    char code[64] = "";
    int status = 0, signal = 0;
    *ret_code = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(state, rows[i].state) == 0)
            return rows[i].end == SLURM_CANCELLED && is_preempted(line, length)
                       ? SLURM_PREEMPTED
                       : rows[i].end;
    find(line, length, "ExitCode", code, sizeof code);
    sscanf(code, "%d:%d", &status, &signal);
    *ret_code = signal ? signal : status;
    return signal ? SLURM_KILLED : SLURM_FAILED;
}

enum shape {
    SHAPE_PENDING,
    SHAPE_RUNNING,
    SHAPE_ENDING, /* it says later how */
    SHAPE_OVER,
};

static enum shape shape_of(const char *state)
{
    static const struct {
        const char *state;
        enum shape shape;
    } rows[] = {
        {"PENDING", SHAPE_PENDING},     {"CONFIGURING", SHAPE_PENDING},
        {"REQUEUED", SHAPE_PENDING},    {"REQUEUE_HOLD", SHAPE_PENDING},
        {"REQUEUE_FED", SHAPE_PENDING}, {"SPECIAL_EXIT", SHAPE_PENDING},
        {"RUNNING", SHAPE_RUNNING},     {"SUSPENDED", SHAPE_RUNNING},
        {"STOPPED", SHAPE_RUNNING},     {"RESIZING", SHAPE_RUNNING},
        {"SIGNALING", SHAPE_RUNNING},   {"STAGE_OUT", SHAPE_ENDING},
        {"COMPLETING", SHAPE_ENDING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(state, rows[i].state) == 0)
            return rows[i].shape;
    return SHAPE_OVER;
}

/* ---- all of them ---- */

static struct slurm_job *know(struct slurm_jobs *jobs, uint32_t id)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].id == id)
            return &jobs->jobs[i];
    jobs->jobs =
        room_for_one_more(jobs->jobs, jobs->count, &jobs->capacity, sizeof *jobs->jobs);
    jobs->jobs[jobs->count] = (struct slurm_job){.id = id};
    return &jobs->jobs[jobs->count++];
}

static void depart(struct slurm_job *job, enum slurm_end end, int code, bool early)
{
    job->departed = true;
    job->running = false;
    job->departure = (struct slurm_departure){.end = end,
                                              .job = job->id,
                                              .restarts = job->restarts,
                                              .array = job->array,
                                              .task = job->task,
                                              .code = code,
                                              .early = early};
    memcpy(job->departure.node, job->node, sizeof job->node);
}

static void end_job(struct slurm_job *job, const char *state, const char *line,
                    size_t length)
{
    char run_time[64] = "", nodes[8] = "";
    int code;
    bool never_ran = !find(line, length, "NodeList", nodes, sizeof nodes) || !*nodes ||
                     strcmp(nodes, "(null)") == 0;
    if (job->over)
        return;
    job->over = true;
    find(line, length, "RunTime", run_time, sizeof run_time);
    enum slurm_end end = read_end(state, line, length, &code);
    if (job->running || !never_ran)
        depart(job, end, code, read_run_time(run_time) < EARLY_S);
}

static void look_at(struct slurm_jobs *jobs, const char *line, size_t length)
{
    char state[64] = "", tasks[512] = "";
    uint32_t id = find_number(line, length, "JobId");
    uint32_t restarts = find_number(line, length, "Restarts");
    if (!id || !find(line, length, "JobState", state, sizeof state))
        return;
    enum shape shape = shape_of(state);
    find(line, length, "ArrayTaskId", tasks, sizeof tasks);
    if (shape == SHAPE_PENDING)
        jobs->pending += *tasks ? count_tasks(tasks) : 1;
    jobs->running += shape == SHAPE_RUNNING;
    struct slurm_job *job = know(jobs, id);
    job->array = find_number(line, length, "ArrayJobId");
    job->task = (uint32_t)strtoul(tasks, NULL, 10);
    if (restarts > job->restarts) {
        if (!job->over) /* what it began before */
            depart(job, is_preempted(line, length) ? SLURM_PREEMPTED : SLURM_REQUEUED,
                   0, false);
        job->restarts = restarts;
        job->over = false;
    }
    if (shape == SHAPE_RUNNING || shape == SHAPE_OVER)
        find(line, length, "BatchHost", job->node, sizeof job->node);
    job->live = shape != SHAPE_OVER;
    job->running |= shape == SHAPE_RUNNING;
    if (shape == SHAPE_OVER)
        end_job(job, state, line, length);
}

void slurm_jobs_look(struct slurm_jobs *jobs, const char *text)
{
    static const char begin[] = "JobId=";
    jobs->running = jobs->pending = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (strncmp(text, begin, strlen(begin)) == 0)
            look_at(jobs, text, length);
        text += length + (text[length] == '\n');
    }
}

bool slurm_jobs_next(struct slurm_jobs *jobs, struct slurm_departure *ret_departure)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (!jobs->jobs[i].departed)
            continue;
        jobs->jobs[i].departed = false;
        *ret_departure = jobs->jobs[i].departure;
        return true;
    }
    return false;
}

bool slurm_jobs_are_over(const struct slurm_jobs *jobs)
{
    bool live = false;
    for (size_t i = 0; i < jobs->count; i++)
        live |= jobs->jobs[i].live;
    return jobs->count > 0 && !live;
}
