/* SPDX-License-Identifier: MIT */
#include "sink/journal/checkpointer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000 };

static char directory[64], output_path[128], journal[128], dead_letters[128];
static char error[500];
static struct resume_point point;
static struct checkpointer *checkpointer;

static void prepare(void)
{
    struct commit_process *process;
    strcpy(directory, "/tmp/fanfold-checkpoint-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(output_path, sizeof output_path, "%s/out", directory);
    snprintf(journal, sizeof journal, "%s/out.fanfold", directory);
    snprintf(dead_letters, sizeof dead_letters, "%s/dead", directory);
    point = (struct resume_point){
        .journal = journal,
        .dead_letters = dead_letters,
        .start = {.position = {.next = 3}, .offset = 30},
    };
    int output = open(output_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const struct commit_process_config config = {
        .output = output, .journal = journal, .dead_letters = dead_letters};
    cr_assert_eq(commit_process_start(&config, &process), 0);
    close(output);
    checkpointer = checkpointer_new(&process, &point, "out");
    cr_assert_null(process);
}

static void clean(void)
{
    char command[200];
    checkpointer_destroy(&checkpointer);
    cr_assert_null(checkpointer);
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(checkpointer, .init = prepare, .fini = clean);

static int order(uint64_t ticket, uint64_t next, uint64_t dead_letter_count)
{
    struct position position = {.next = next, .dead_letters = dead_letter_count};
    return checkpointer_order(checkpointer, ticket, &position, next * 10, false, error,
                              sizeof error);
}

static int receive(uint64_t *ret_ticket)
{
    struct pollfd item = {.fd = checkpointer_descriptor(checkpointer),
                          .events = POLLIN};
    cr_assert_eq(poll(&item, 1, DEADLINE_MS), 1, "no answer");
    return checkpointer_receive(checkpointer, ret_ticket, error, sizeof error);
}

Test(checkpointer, counts_a_position_as_safe_once_its_commit_is_answered)
{
    uint64_t ticket = 99;
    cr_assert_eq(checkpointer_receive(checkpointer, &ticket, error, sizeof error), 0);
    cr_assert_eq(ticket, 0);
    cr_assert_eq(order(1, 5, 0), 0);
    cr_assert_eq(checkpointer_safe_next(checkpointer), 3);
    cr_assert_eq(checkpointer_safe_offset(checkpointer), 30);
    cr_assert_eq(receive(&ticket), 0);
    cr_assert_eq(ticket, 1);
    cr_assert_eq(checkpointer_safe_next(checkpointer), 5);
    cr_assert_eq(checkpointer_safe_offset(checkpointer), 50);
}

Test(checkpointer, says_which_commit_failed_and_orders_no_other)
{
    uint64_t ticket;
    cr_assert_eq(order(1, 5, 1), 0); /* a dead letter that is not there */
    cr_assert_eq(receive(&ticket), -ENOENT);
    cr_assert_str_eq(error,
                     "out: cannot sync the dead letters: No such file or directory");
    cr_assert(checkpointer_has_failed(checkpointer));
    cr_assert_eq(checkpointer_descriptor(checkpointer), -1);
    cr_assert_eq(order(2, 6, 0), 0);
    cr_assert_eq(checkpointer_safe_next(checkpointer), 3);
}

Test(checkpointer, removes_a_journal_only_while_no_commit_is_under_way)
{
    uint64_t ticket;
    cr_assert_eq(order(1, 5, 0), 0);
    cr_assert_eq(receive(&ticket), 0);
    cr_assert_eq(order(2, 6, 0), 0);
    checkpointer_remove_journal(checkpointer);
    cr_assert_eq(access(journal, F_OK), 0);
    cr_assert_eq(receive(&ticket), 0);
    checkpointer_remove_journal(checkpointer);
    cr_assert_eq(access(journal, F_OK), -1);
}
