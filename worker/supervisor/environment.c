/* SPDX-License-Identifier: MIT */
/* The words that differ from process to process lie at fixed places, so that a start
 * allocates nothing. */
#include "worker/supervisor/environment.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OWN_MAX = 8 };

static const char *const own_names[] = {"FANFOLD_SEQ",    "FANFOLD_ATTEMPT",
                                        "FANFOLD_SLOT",   "FANFOLD_RECORDS",
                                        "FANFOLD_WORKER", "FANFOLD_FRAMES"};
enum { OWN_NAMES = sizeof own_names / sizeof *own_names };

static bool is_own(const char *word)
{
    for (size_t i = 0; i < OWN_NAMES; i++) {
        size_t length = strlen(own_names[i]);
        if (strncmp(word, own_names[i], length) == 0 && word[length] == '=')
            return true;
    }
    return false;
}

void environment_init(struct environment *environment, enum program_mode mode,
                      const char *worker)
{
    static char frames[] = "FANFOLD_FRAMES=1";
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    *environment = (struct environment){
        .words = allocate_zeroed(count + OWN_MAX, sizeof(char *)),
    };
    char **words = environment->words;
    for (size_t i = 0; i < count; i++)
        if (!is_own(environ[i]))
            words[kept++] = environ[i];
    snprintf(environment->worker, sizeof environment->worker, "FANFOLD_WORKER=%s",
             worker ? worker : "");
    words[kept++] = environment->worker;
    if (mode == PROGRAM_EXEC) {
        words[kept++] = environment->seq;
        words[kept++] = environment->attempt;
        words[kept++] = environment->records;
    }
    if (mode == PROGRAM_FRAMES)
        words[kept++] = frames;
    words[kept++] = environment->slot; /* the last */
}

void environment_hide_slot(struct environment *environment)
{
    char **word = environment->words;
    while (*word != environment->slot)
        word++;
    *word = NULL;
}

void environment_update(struct environment *environment, const struct request *request)
{
    snprintf(environment->slot, sizeof environment->slot, "FANFOLD_SLOT=%" PRIu32,
             request->slot + 1);
    snprintf(environment->seq, sizeof environment->seq, "FANFOLD_SEQ=%" PRIu64,
             request->seq);
    snprintf(environment->attempt, sizeof environment->attempt,
             "FANFOLD_ATTEMPT=%" PRIu32, request->attempt);
    snprintf(environment->records, sizeof environment->records,
             "FANFOLD_RECORDS=%" PRIu64, request->records);
}

void environment_enter(const char *worker)
{
    for (size_t i = 0; i < OWN_NAMES; i++)
        unsetenv(own_names[i]);
    setenv("FANFOLD_WORKER", worker ? worker : "", 1);
}

void environment_enter_slot(uint32_t slot)
{
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, slot + 1);
    setenv("FANFOLD_SLOT", number, 1);
}
