/* SPDX-License-Identifier: MIT */
/* What scontrol's lines say of jobs, in the form that Slurm 22.05 prints them in. */
#include "deploy/slurm/slurm_jobs.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define LINE(id, task, state, more)                                            \
    "JobId=" id " ArrayJobId=4 ArrayTaskId=" task " JobName=f JobState=" state \
    " Reason=None " more "\n"
#define ON(node) "RunTime=00:00:12 NodeList=" node " BatchHost=" node

static struct slurm_jobs jobs;
static struct slurm_departure departure;

static void reset(void)
{
    slurm_jobs_deinit(&jobs);
}

TestSuite(slurm_jobs, .fini = reset);

static void expect_one(enum slurm_end end, uint32_t job, uint32_t restarts)
{
    cr_assert(slurm_jobs_next(&jobs, &departure));
    cr_assert_eq(departure.end, end);
    cr_assert_eq(departure.job, job);
    cr_assert_eq(departure.restarts, restarts);
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
}

Test(slurm_jobs, tasks_that_wait_are_counted_by_their_list)
{
    slurm_jobs_look(&jobs, LINE("4", "3,5-8%2", "PENDING", "NodeList=")
                               LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert_eq(jobs.pending, 5);
    cr_assert_eq(jobs.running, 1);
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert_not(slurm_jobs_are_over(&jobs));
}

Test(slurm_jobs, an_end_is_told_once_and_not_while_slurm_cleans_up)
{
    slurm_jobs_look(&jobs, LINE("5", "1", "RUNNING", ON("n1")));
    slurm_jobs_look(&jobs, LINE("5", "1", "COMPLETING", ON("n1")));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert_not(slurm_jobs_are_over(&jobs));
    slurm_jobs_look(&jobs, LINE("5", "1", "TIMEOUT", ON("n1") " ExitCode=0:15"));
    expect_one(SLURM_TIMEOUT, 5, 0);
    cr_assert_str_eq(departure.node, "n1");
    cr_assert(departure.early);
    slurm_jobs_look(&jobs, LINE("5", "1", "TIMEOUT", ON("n1") " ExitCode=0:15"));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert(slurm_jobs_are_over(&jobs));
}

Test(slurm_jobs, each_start_of_a_job_that_is_requeued_has_its_own_end)
{
    slurm_jobs_look(&jobs, LINE("5", "1", "RUNNING", "Restarts=0 " ON("n1")));
    slurm_jobs_look(&jobs, LINE("5", "1", "PENDING", "Restarts=1 NodeList="));
    expect_one(SLURM_REQUEUED, 5, 0);
    slurm_jobs_look(&jobs, LINE("5", "1", "RUNNING", "Restarts=1 " ON("n2")));
    slurm_jobs_look(&jobs,
                    LINE("5", "1", "FAILED", "Restarts=1 ExitCode=5:0 " ON("n2")));
    expect_one(SLURM_FAILED, 5, 1);
    cr_assert_eq(departure.code, 5);
    cr_assert_str_eq(departure.node, "n2");
}

Test(slurm_jobs, what_is_cancelled_before_it_ran_was_no_worker)
{
    slurm_jobs_look(&jobs, LINE("5", "1", "CANCELLED", "NodeList=(null)"));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert(slurm_jobs_are_over(&jobs));
}

Test(slurm_jobs, states_are_told_apart)
{
    static const struct {
        const char *state, *more;
        enum slurm_end end;
        bool excused;
    } rows[] = {
        {"COMPLETED", "ExitCode=0:0", SLURM_DONE, true},
        {"CANCELLED", "ExitCode=0:15 PreemptTime=None", SLURM_CANCELLED, true},
        {"CANCELLED", "PreemptTime=2026-11-29T17:00:00", SLURM_PREEMPTED, true},
        {"PREEMPTED", "", SLURM_PREEMPTED, true},
        {"OUT_OF_MEMORY", "ExitCode=0:125", SLURM_MEMORY, true},
        {"NODE_FAIL", "", SLURM_NODE, true},
        {"FAILED", "ExitCode=0:9", SLURM_KILLED, false},
        {"FAILED", "ExitCode=1:0", SLURM_FAILED, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "JobId=%zu ArrayJobId=4 ArrayTaskId=1 JobState=%s " ON("n1") " %s\n",
                 i + 5, rows[i].state, rows[i].more);
        slurm_jobs_look(&jobs, line);
        expect_one(rows[i].end, (uint32_t)i + 5, 0);
        cr_assert_eq(slurm_end_excuses(departure.end), rows[i].excused);
    }
}
