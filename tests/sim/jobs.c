/* SPDX-License-Identifier: MIT */
#include "jobs.h"
#include "seed.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64, SEED_SECONDS = 30 };

static void note(struct report *report, uint64_t seed, const char *text)
{
    if (report->violations < FOUND_MAX) {
        struct finding *finding = &report->found[report->violations];
        finding->seed = seed;
        snprintf(finding->text, sizeof finding->text, "%s", text);
    }
    report->violations++;
}

/* A core that never returns uses up its time of the processor, and ends. */
static void limit_time(void)
{
    struct itimerval limit = {.it_value.tv_sec = SEED_SECONDS};
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static void run_job(struct report *report, const struct job_options *options)
{
    struct world world;
    world_init(&world);
    world.tally = &report->tally;
    world.with = options->with;
    uint64_t end = options->from + options->seeds;
    for (; report->seed < end; report->seed += options->jobs) {
        limit_time();
        seed_run(&world, report->seed);
        if (world.violation[0])
            note(report, report->seed, world.violation);
        if (world.violation[0] && options->first_only)
            break;
    }
    world_deinit(&world);
    report->over = true;
}

static pid_t start_job(struct report *report, const struct job_options *options)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (options->quiet && !freopen("/dev/null", "w", stderr))
        _exit(2);
    run_job(report, options);
    _exit(0);
}

/* A job that died took a seed with it; another job begins at the next seed. */
static bool mind_job(struct report *report, const struct job_options *options,
                     int status)
{
    char text[64];
    if (report->over)
        return false;
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    snprintf(text, sizeof text, "the simulator died: %s %d",
             WIFSIGNALED(status) ? "signal" : "status", number);
    note(report, report->seed, text);
    report->seed += options->jobs;
    return !options->first_only && report->seed < options->from + options->seeds;
}

static void run_jobs(struct report *reports, const struct job_options *options)
{
    pid_t pids[JOBS_MAX];
    for (uint32_t i = 0; i < options->jobs; i++) {
        reports[i].seed = options->from + i;
        pids[i] = start_job(&reports[i], options);
    }
    int status;
    for (pid_t pid; (pid = wait(&status)) > 0 || errno == EINTR;)
        for (uint32_t i = 0; i < options->jobs; i++)
            if (pids[i] == pid && mind_job(&reports[i], options, status))
                pids[i] = start_job(&reports[i], options);
}

static void add_tally(struct tally *sum, const struct tally *more)
{
    uint64_t longest_us = sum->longest_us > more->longest_us ? sum->longest_us
                                                             : more->longest_us;
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
    sum->longest_us = longest_us;
}

static void merge_findings(struct report *sum, const struct report *reports,
                           uint32_t jobs)
{
    uint32_t next[JOBS_MAX] = {0};
    for (uint32_t found = 0; found < FOUND_MAX; found++) {
        const struct finding *lowest = NULL;
        uint32_t from = 0;
        for (uint32_t i = 0; i < jobs; i++) {
            if (next[i] >= FOUND_MAX || next[i] >= reports[i].violations)
                continue;
            const struct finding *finding = &reports[i].found[next[i]];
            if (!lowest || finding->seed < lowest->seed)
                lowest = finding, from = i;
        }
        if (!lowest)
            break;
        next[from]++;
        sum->found[found] = *lowest;
    }
}

const struct report *run_seeds(const struct job_options *options)
{
    static struct report sum;
    struct job_options checked = *options;
    if (checked.jobs < 1 || checked.jobs > JOBS_MAX)
        checked.jobs = 1;
    struct report *reports = mmap(NULL, sizeof(struct report) * checked.jobs,
                                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                  -1, 0);
    if (reports == MAP_FAILED)
        abort();
    run_jobs(reports, &checked);
    memset(&sum, 0, sizeof sum);
    for (uint32_t i = 0; i < checked.jobs; i++) {
        add_tally(&sum.tally, &reports[i].tally);
        sum.violations += reports[i].violations;
    }
    merge_findings(&sum, reports, checked.jobs);
    munmap(reports, sizeof(struct report) * checked.jobs);
    return &sum;
}
