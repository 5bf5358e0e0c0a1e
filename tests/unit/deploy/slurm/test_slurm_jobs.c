/* SPDX-License-Identifier: MIT */
/* What scontrol's lines say of jobs, in the form that Slurm 22.05 prints them in. */
#include "deploy/slurm/slurm_jobs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LINE(id, task, state, more)                                            \
    "JobId=" id " ArrayJobId=4 ArrayTaskId=" task " JobName=f JobState=" state \
    " Reason=None " more "\n"
#define ON(node) "RunTime=00:00:12 NodeList=" node " BatchHost=" node

static struct slurm_jobs jobs;
static struct slurm_departure departure;

static void set_up(void)
{
    slurm_jobs_submitted(&jobs, 4, 8);
}

static void reset(void)
{
    slurm_jobs_deinit(&jobs);
}

TestSuite(slurm_jobs, .init = set_up, .fini = reset);

/* Returns how many were cancelled before they ran. */
static uint32_t look(const char *text)
{
    return slurm_jobs_look(&jobs, 4, text);
}

static bool is_over(void)
{
    return slurm_jobs_next_array(&jobs, 0) == 0;
}

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
    look(LINE("4", "3,5-8%2", "PENDING", "NodeList=")
             LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert_eq(jobs.pending, 5);
    cr_assert_eq(jobs.running, 1);
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert_not(is_over());
}

Test(slurm_jobs, a_list_of_tasks_is_as_long_as_it_is)
{
    char text[4096], list[2000] = "1";
    struct slurm_task task;
    for (unsigned i = 1; i < 100; i++)
        sprintf(list + strlen(list), ",%u", 2 * i + 1);
    snprintf(text, sizeof text, LINE("4", "%s", "PENDING", "NodeList="), list);
    look(text);
    cr_assert_eq(jobs.pending, 100);
    cr_assert(slurm_jobs_find_pending(&jobs, 0, &task));
    cr_assert_eq(task.task, 199);
}

Test(slurm_jobs, the_nodes_that_a_person_excludes_are_all_of_them)
{
    char text[16384] = "", nodes[8192] = "n1";
    for (unsigned i = 0; i < 500; i++)
        sprintf(nodes + strlen(nodes), ",node%06u", i);
    snprintf(text, sizeof text, LINE("4", "1", "PENDING", "ExcNodeList=%s NodeList="),
             nodes);
    look(text);
    cr_assert_str_eq(jobs.excluded, nodes);
}

Test(slurm_jobs, one_that_is_held_says_so)
{
    look(LINE("5", "1", "RUNNING", ON("n1")));
    look("JobId=5 ArrayJobId=4 ArrayTaskId=1 JobState=PENDING Reason=JobHeldUser "
         "Restarts=1 NodeList=\n");
    expect_one(SLURM_HELD, 5, 0);
}

Test(slurm_jobs, an_array_that_is_silent_is_so_alone)
{
    slurm_jobs_submitted(&jobs, 9, 1);
    cr_assert(slurm_jobs_mute(&jobs, 4));
    cr_assert_not(slurm_jobs_mute(&jobs, 4));
    cr_assert(slurm_jobs_mute(&jobs, 9));
    look(LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert(slurm_jobs_mute(&jobs, 4), "it has spoken in between");
}

Test(slurm_jobs, the_time_limit_is_told_of_a_job_that_ends)
{
    look(LINE("5", "1", "RUNNING", "TimeLimit=00:01:00 " ON("n1")));
    look(LINE("5", "1", "COMPLETED", "ExitCode=0:0 TimeLimit=00:01:00 " ON("n1")));
    expect_one(SLURM_DONE, 5, 0);
    cr_assert_eq(departure.limit_s, 60);
}

Test(slurm_jobs, an_end_is_told_once_and_not_while_slurm_cleans_up)
{
    look(LINE("5", "1", "RUNNING", ON("n1")));
    look(LINE("5", "1", "COMPLETING", ON("n1")));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert_not(is_over());
    look(LINE("5", "1", "TIMEOUT", ON("n1") " ExitCode=0:15"));
    expect_one(SLURM_TIMEOUT, 5, 0);
    cr_assert_str_eq(departure.node, "n1");
    cr_assert(departure.early);
    look(LINE("5", "1", "TIMEOUT", ON("n1") " ExitCode=0:15"));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert(is_over());
}

Test(slurm_jobs, each_start_of_a_job_that_is_requeued_has_its_own_end)
{
    look(LINE("5", "1", "RUNNING", "Restarts=0 " ON("n1")));
    look(LINE("5", "1", "PENDING", "Restarts=1 NodeList="));
    expect_one(SLURM_REQUEUED, 5, 0);
    look(LINE("5", "1", "RUNNING", "Restarts=1 " ON("n2")));
    look(LINE("5", "1", "FAILED", "Restarts=1 ExitCode=5:0 " ON("n2")));
    expect_one(SLURM_FAILED, 5, 1);
    cr_assert_eq(departure.code, 5);
    cr_assert_str_eq(departure.node, "n2");
}

Test(slurm_jobs, what_is_cancelled_before_it_ran_was_no_worker)
{
    look(LINE("5", "1", "CANCELLED", "NodeList=(null)"));
    cr_assert_not(slurm_jobs_next(&jobs, &departure));
    cr_assert(is_over());
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
        {"FAILED", "ExitCode=0:53", SLURM_UNSEEN, true},
        {"FAILED", "ExitCode=1:0", SLURM_FAILED, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "JobId=%zu ArrayJobId=4 ArrayTaskId=1 JobState=%s " ON("n1") " %s\n",
                 i + 5, rows[i].state, rows[i].more);
        slurm_jobs_submitted(&jobs, 4, 1);
        look(line);
        expect_one(rows[i].end, (uint32_t)i + 5, 0);
        cr_assert_eq(slurm_end_excuses(departure.end), rows[i].excused);
    }
}

Test(slurm_jobs, what_was_submitted_is_pending_until_it_is_seen)
{
    cr_assert_eq(jobs.pending, 8);
    look("");
    cr_assert_eq(jobs.pending, 8);
    look(LINE("4", "2-3", "PENDING", "NodeList=") LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert_eq(jobs.pending, 2);
    cr_assert_eq(jobs.running, 1);
}

Test(slurm_jobs, all_arrays_count_and_each_is_looked_at)
{
    slurm_jobs_submitted(&jobs, 9, 2);
    look(LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert_eq(jobs.running, 1);
    cr_assert_eq(jobs.pending, 2);
    cr_assert_eq(slurm_jobs_next_array(&jobs, 0), 4);
    cr_assert_eq(slurm_jobs_next_array(&jobs, 4), 9);
    cr_assert_eq(slurm_jobs_next_array(&jobs, 9), 0);
    slurm_jobs_look(
        &jobs, 9,
        "JobId=10 ArrayJobId=9 ArrayTaskId=1 JobState=RUNNING " ON("n2") "\n");
    cr_assert_eq(jobs.running, 2);
    cr_assert_eq(jobs.pending, 0);
    slurm_jobs_forgotten(&jobs, 4);
    cr_assert_eq(jobs.running, 1);
    cr_assert_eq(slurm_jobs_next_array(&jobs, 0), 9);
}

Test(slurm_jobs, what_slurm_names_no_more_is_over)
{
    look(LINE("5", "1", "RUNNING", ON("n1")) LINE("6", "2", "RUNNING", ON("n1")));
    look(LINE("6", "2", "RUNNING", ON("n1")));
    cr_assert_eq(jobs.running, 1);
}

Test(slurm_jobs, those_that_are_cancelled_in_the_queue_are_counted)
{
    cr_assert_eq(look(LINE("4", "3,5-8", "CANCELLED", "NodeList=(null)")
                          LINE("5", "1", "RUNNING", ON("n1"))),
                 5);
    cr_assert_eq(look(LINE("4", "3,5-8", "CANCELLED", "NodeList=(null)")
                          LINE("5", "1", "RUNNING", ON("n1"))),
                 0);
}

Test(slurm_jobs, the_last_that_are_pending_are_found_first)
{
    struct slurm_task task;
    look(LINE("4", "3,5-8%2", "PENDING", "NodeList="));
    static const uint32_t tasks[] = {8, 7, 6, 5, 3};
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert(slurm_jobs_find_pending(&jobs, i, &task));
        cr_assert_eq(task.array, 4);
        cr_assert_eq(task.task, tasks[i]);
    }
    cr_assert_not(slurm_jobs_find_pending(&jobs, 5, &task));
}

Test(slurm_jobs, one_that_was_released_is_leaving_and_its_end_says_so)
{
    struct slurm_task task;
    look(LINE("5", "1", "RUNNING", ON("n1")));
    cr_assert_not(slurm_jobs_find_running(&jobs, 5, 1, &task), "another start of it");
    cr_assert(slurm_jobs_find_running(&jobs, 5, 0, &task));
    cr_assert_eq(task.array, 4);
    cr_assert_eq(task.task, 1);
    slurm_jobs_release(&jobs, 5, true);
    cr_assert_eq(jobs.leaving, 1);
    cr_assert_not(slurm_jobs_find_running(&jobs, 5, 0, &task));
    look(LINE("5", "1", "COMPLETED", ON("n1")));
    expect_one(SLURM_RELEASED, 5, 0);
    cr_assert_eq(jobs.leaving, 0);
}

Test(slurm_jobs, nodes_that_the_person_excludes_are_learned_from_the_first_job)
{
    look(LINE("5", "1", "RUNNING", ON("n1") " ExcNodeList=n[7-8]"));
    look(LINE("5", "1", "RUNNING", ON("n1") " ExcNodeList=n[7-8],n2"));
    cr_assert_str_eq(jobs.excluded, "n[7-8]");
}
