/* SPDX-License-Identifier: MIT */
/* COMPLETING hides how a job ends: that is seen at the next look. */
#include "deploy/slurm/slurm_jobs.h"

#include "common/memory.h"
#include "deploy/slurm/job_line.h"
#include <stdlib.h>
#include <string.h>

enum { EARLY_S = 60 };

struct slurm_job {
    uint32_t id, array, task;
    uint32_t restarts;
    bool running;     /* at the last look, as are the next two */
    bool live;        /* it runs, or will */
    uint32_t pending; /* it stands for so many that do not run yet; in `tasks` */
    bool seen;        /* in this look */
    bool released;    /* it was told to leave */
    bool over;        /* its end was told */
    bool departed;    /* the run of before is to be told: */
    struct slurm_departure departure;
    char node[256];
    uint64_t limit_s; /* how long Slurm lets it run; 0: without a limit */
    char *tasks;      /* of the array, as Slurm lists them */
};

struct slurm_array {
    uint32_t id;
    uint32_t unseen; /* jobs that nobody has looked at yet */
    bool mute;       /* Slurm did not tell of it when it was asked last */
};

void slurm_jobs_deinit(struct slurm_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        free(jobs->jobs[i].tasks);
    free(jobs->jobs);
    free(jobs->arrays);
    free(jobs->excluded);
    *jobs = (struct slurm_jobs){0};
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
                                              .limit_s = job->limit_s,
                                              .early = early};
    memcpy(job->departure.node, job->node, sizeof job->node);
}

/* Returns how many were cancelled before they ran. */
static uint32_t end_job(struct slurm_job *job, const struct job_line *line)
{
    enum slurm_end end = line->end;
    if (job->over)
        return 0;
    job->over = true;
    if (end == SLURM_DONE && job->released)
        end = SLURM_RELEASED;
    if (job->running || line->placed)
        depart(job, end, line->code, line->run_time_s < EARLY_S);
    else if (end == SLURM_CANCELLED || end == SLURM_PREEMPTED)
        return job_tasks_count(job->tasks);
    return 0;
}

/* A start that is over, and the job begins again. */
static void restart(struct slurm_job *job, const struct job_line *line)
{
    if (!job->over)
        depart(job,
               line->preempted ? SLURM_PREEMPTED
               : line->held    ? SLURM_HELD
                               : SLURM_REQUEUED,
               0, false);
    job->restarts = line->restarts;
    job->over = job->released = false;
}

/* Returns how many were cancelled before they ran. */
static uint32_t look_at(struct slurm_jobs *jobs, const struct job_line *line)
{
    struct slurm_job *job = know(jobs, line->id);
    free(job->tasks);
    job->tasks = allocate_text("%.*s", (int)line->tasks.size,
                               line->tasks.data ? (const char *)line->tasks.data : "");
    job->limit_s = line->limit_s;
    job->array = line->array;
    job->task = (uint32_t)strtoul(job->tasks, NULL, 10);
    job->seen = true;
    if (line->restarts > job->restarts)
        restart(job, line);
    if ((line->shape == JOB_RUNNING || line->shape == JOB_OVER) && *line->node)
        memcpy(job->node, line->node, sizeof job->node);
    job->live = line->shape != JOB_OVER;
    job->pending = line->shape == JOB_PENDING ? job_tasks_count(job->tasks) : 0;
    job->running |= line->shape == JOB_RUNNING;
    return line->shape == JOB_OVER ? end_job(job, line) : 0;
}

/* ---- arrays ---- */

static struct slurm_array *find_array(const struct slurm_jobs *jobs, uint32_t id)
{
    for (size_t i = 0; i < jobs->array_count; i++)
        if (jobs->arrays[i].id == id)
            return &jobs->arrays[i];
    return NULL;
}

static void count_all(struct slurm_jobs *jobs)
{
    jobs->running = jobs->pending = jobs->leaving = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct slurm_job *job = &jobs->jobs[i];
        jobs->pending += job->pending;
        jobs->running += job->live && !job->pending;
        jobs->leaving += job->live && !job->pending && job->released;
    }
    for (size_t i = 0; i < jobs->array_count; i++)
        jobs->pending += jobs->arrays[i].unseen;
}

/* What is over and was told need not be remembered. */
static void drop_array(struct slurm_jobs *jobs, uint32_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].array != id || jobs->jobs[i].departed)
            jobs->jobs[kept++] = jobs->jobs[i];
        else
            free(jobs->jobs[i].tasks);
    jobs->count = kept;
    kept = 0;
    for (size_t i = 0; i < jobs->array_count; i++)
        if (jobs->arrays[i].id != id)
            jobs->arrays[kept++] = jobs->arrays[i];
    jobs->array_count = kept;
}

void slurm_jobs_submitted(struct slurm_jobs *jobs, uint32_t array, uint32_t count)
{
    jobs->arrays = room_for_one_more(jobs->arrays, jobs->array_count,
                                     &jobs->array_capacity, sizeof *jobs->arrays);
    jobs->arrays[jobs->array_count++] =
        (struct slurm_array){.id = array, .unseen = count};
    count_all(jobs);
}

/* Those that Slurm does not name any more are over. */
static bool settle(struct slurm_jobs *jobs, uint32_t array)
{
    bool live = false;
    for (size_t i = 0; i < jobs->count; i++) {
        struct slurm_job *job = &jobs->jobs[i];
        if (job->array != array)
            continue;
        job->live &= job->seen;
        job->pending = job->live ? job->pending : 0;
        live |= job->live;
    }
    return live;
}

uint32_t slurm_jobs_look(struct slurm_jobs *jobs, uint32_t id, const char *text)
{
    struct slurm_array *array = find_array(jobs, id);
    struct job_line line;
    uint32_t cancelled = 0;
    bool any = false;
    if (!array)
        return 0; /* it is over, and was told */
    array->mute = false;
    for (size_t i = 0; i < jobs->count; i++)
        jobs->jobs[i].seen = false;
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (job_line_read(text, length, &line)) {
            cancelled += look_at(jobs, &line);
            if (!jobs->learned)
                jobs->excluded = job_line_excluded(text, length);
            any = jobs->learned = true;
        }
        text += length + (text[length] == '\n');
    }
    if (any)
        array->unseen = 0;
    if (any && !settle(jobs, id))
        drop_array(jobs, id);
    count_all(jobs);
    return cancelled;
}

bool slurm_jobs_mute(struct slurm_jobs *jobs, uint32_t id)
{
    struct slurm_array *array = find_array(jobs, id);
    bool first = array && !array->mute;
    if (array)
        array->mute = true;
    return first;
}

void slurm_jobs_forgotten(struct slurm_jobs *jobs, uint32_t array)
{
    drop_array(jobs, array);
    count_all(jobs);
}

bool slurm_jobs_next(struct slurm_jobs *jobs, struct slurm_departure *ret_departure)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (!jobs->jobs[i].departed)
            continue;
        jobs->jobs[i].departed = false;
        *ret_departure = jobs->jobs[i].departure;
        if (!find_array(jobs, jobs->jobs[i].array)) {
            free(jobs->jobs[i].tasks);
            jobs->jobs[i] = jobs->jobs[--jobs->count];
        }
        return true;
    }
    return false;
}

/* ---- queries ---- */

uint32_t slurm_jobs_next_array(const struct slurm_jobs *jobs, uint32_t array)
{
    for (size_t i = 0; i < jobs->array_count; i++)
        if (jobs->arrays[i].id > array)
            return jobs->arrays[i].id;
    return 0;
}

bool slurm_jobs_array_waits(const struct slurm_jobs *jobs, uint32_t array)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].array == array && jobs->jobs[i].pending)
            return true;
    const struct slurm_array *found = find_array(jobs, array);
    return found && found->unseen;
}

bool slurm_jobs_find_pending(const struct slurm_jobs *jobs, uint32_t n,
                             struct slurm_task *ret_task)
{
    for (size_t i = jobs->count; i-- > 0;) {
        const struct slurm_job *job = &jobs->jobs[i];
        if (n < job->pending) {
            *ret_task =
                (struct slurm_task){job->array, job_tasks_from_end(job->tasks, n)};
            return true;
        }
        n -= job->pending;
    }
    return false;
}

bool slurm_jobs_find_running(const struct slurm_jobs *jobs, uint32_t id,
                             uint32_t restarts, struct slurm_task *ret_task)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const struct slurm_job *job = &jobs->jobs[i];
        if (job->id != id || job->restarts != restarts || !job->live || job->pending ||
            job->released)
            continue;
        *ret_task = (struct slurm_task){job->array, job->task};
        return true;
    }
    return false;
}

void slurm_jobs_release(struct slurm_jobs *jobs, uint32_t id, bool released)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].id == id)
            jobs->jobs[i].released = released;
    count_all(jobs);
}
