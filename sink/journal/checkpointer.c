/* SPDX-License-Identifier: MIT */
#include "sink/journal/checkpointer.h"

#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct checkpointer {
    struct commit_process *process; /* NULL: there is no journal */
    const struct resume_point *resume;
    const char *output;
    uint64_t dead_letters_ordered; /* those that were given to a commit */
    uint64_t safe_next, safe_offset;
    uint64_t part, earlier, headed; /* of the next commit; see struct journal */
    bool between_parts;
    int next_part; /* its descriptor, not taken yet; -1: none */
    bool failed;
};

struct checkpointer *checkpointer_new(struct commit_process **commit_process_p,
                                      const struct resume_point *resume,
                                      const char *output)
{
    struct checkpointer *checkpointer = allocate_zeroed(1, sizeof *checkpointer);
    checkpointer->process = *commit_process_p;
    *commit_process_p = NULL;
    checkpointer->resume = resume;
    checkpointer->output = output;
    checkpointer->dead_letters_ordered = resume->start.position.dead_letters;
    checkpointer->safe_next = resume->start.position.next;
    checkpointer->safe_offset = resume->start.offset;
    checkpointer->part = resume->start.part;
    checkpointer->earlier = resume->start.earlier;
    checkpointer->headed = resume->start.headed;
    checkpointer->next_part = -1;
    return checkpointer;
}

void checkpointer_destroy(struct checkpointer **checkpointer_p)
{
    if (*checkpointer_p)
        commit_process_stop(&(*checkpointer_p)->process);
    if (*checkpointer_p && (*checkpointer_p)->next_part >= 0)
        close((*checkpointer_p)->next_part);
    free(*checkpointer_p);
    *checkpointer_p = NULL;
}

/* The process failed, not a commit. */
static int fail_process(struct checkpointer *checkpointer, int result, char *error,
                        size_t error_size)
{
    checkpointer->failed = true;
    snprintf(error, error_size, "cannot commit %.300s: %s", checkpointer->output,
             result == -EPIPE ? "the process that commits has ended"
                              : strerror(-result));
    return result;
}

void checkpointer_note_header(struct checkpointer *checkpointer)
{
    checkpointer->headed = 1;
}

int checkpointer_order(struct checkpointer *checkpointer, uint64_t ticket,
                       const struct position *position, uint64_t offset, bool closing,
                       char *error, size_t error_size)
{
    const struct journal *start = &checkpointer->resume->start;
    struct journal journal = {
        .position = *position,
        .offset = checkpointer->between_parts ? 0 : offset,
        .dead_letters_name = checkpointer->resume->start.dead_letters_name,
        /* Not of one that has written nothing, as its run may be refused. */
        .command = position->next > start->position.next ? checkpointer->resume->command
                                                         : start->command,
        .framing = checkpointer->resume->framing,
        .part = checkpointer->part,
        .closing = closing,
        .earlier = checkpointer->earlier,
        .headed = checkpointer->headed,
    };
    struct commit_dead_letters dead_letters = {
        .first = checkpointer->dead_letters_ordered + 1,
        .last = position->dead_letters,
    };
    if (checkpointer->failed)
        return 0;
    int result =
        commit_process_order(checkpointer->process, ticket, &journal, &dead_letters);
    if (result < 0)
        return fail_process(checkpointer, result, error, error_size);
    checkpointer->dead_letters_ordered = dead_letters.last;
    if (closing) {
        journal_begin_part(&journal);
        checkpointer->part = journal.part;
        checkpointer->earlier = journal.earlier;
        checkpointer->between_parts = true;
    }
    return 0;
}

static const char *reason_of(const struct commit_answer *answer)
{
    if (answer->error == -EEXIST && answer->step == COMMIT_PART)
        return "another file has its name; it is left alone";
    if (answer->error == -EEXIST && answer->step == COMMIT_NEXT_PART)
        return "another file has got the output's name; it is left alone";
    if (answer->error == -EEXIST && answer->step == COMMIT_RENAME)
        return "another file has got its name; it is left alone";
    if (answer->error == -EEXIST && answer->step == COMMIT_WRITE)
        return "another file has got the name with .tmp; it is left alone";
    return strerror(-answer->error);
}

int checkpointer_receive(struct checkpointer *checkpointer, uint64_t *ret_ticket,
                         char *error, size_t error_size)
{
    struct commit_answer answer;
    *ret_ticket = 0;
    if (!checkpointer->process || checkpointer->failed)
        return 0;
    int result = commit_process_take(checkpointer->process, &answer);
    if (result < 0)
        return fail_process(checkpointer, result, error, error_size);
    if (result == 0)
        return 0;
    if (answer.error < 0) {
        checkpointer->failed = true;
        snprintf(error, error_size, "%.300s: %s: %s", checkpointer->output,
                 commit_step_text(answer.step), reason_of(&answer));
        return answer.error;
    }
    checkpointer->safe_next = answer.next;
    checkpointer->safe_offset = answer.offset;
    if (answer.output >= 0) {
        checkpointer->between_parts = false;
        checkpointer->next_part = answer.output;
    }
    *ret_ticket = answer.ticket;
    return 0;
}

int checkpointer_take_part(struct checkpointer *checkpointer)
{
    int part = checkpointer->next_part;
    checkpointer->next_part = -1;
    return part;
}

bool checkpointer_is_between_parts(const struct checkpointer *checkpointer)
{
    return checkpointer->between_parts;
}

uint64_t checkpointer_part(const struct checkpointer *checkpointer)
{
    return checkpointer->part;
}

void checkpointer_fail(struct checkpointer *checkpointer)
{
    checkpointer->failed = true;
}

bool checkpointer_has_failed(const struct checkpointer *checkpointer)
{
    return checkpointer->failed;
}

int checkpointer_descriptor(const struct checkpointer *checkpointer)
{
    return checkpointer->process && !checkpointer->failed
               ? commit_process_descriptor(checkpointer->process)
               : -1;
}

uint64_t checkpointer_safe_next(const struct checkpointer *checkpointer)
{
    return checkpointer->safe_next;
}

uint64_t checkpointer_safe_offset(const struct checkpointer *checkpointer)
{
    return checkpointer->safe_offset;
}

void checkpointer_remove_journal(struct checkpointer *checkpointer)
{
    /* While the process lives, it holds the lock: no other sink has a journal there. */
    if (checkpointer->resume->journal && commit_process_is_idle(checkpointer->process))
        journal_remove(checkpointer->resume->journal);
}
