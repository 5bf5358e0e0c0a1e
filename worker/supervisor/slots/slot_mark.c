/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/slot_mark.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 3 };

void slot_mark_init(struct slot_mark *mark, uint32_t slot)
{
    *mark = (struct slot_mark){.words = {""}};
    snprintf(mark->words[0], sizeof mark->words[0], "FANFOLD_SLOT=%" PRIu32, slot + 1);
}

void slot_mark_init_task(struct slot_mark *mark, uint32_t slot, uint64_t seq,
                         uint32_t attempt)
{
    slot_mark_init(mark, slot);
    snprintf(mark->words[1], sizeof mark->words[1], "FANFOLD_SEQ=%" PRIu64, seq);
    snprintf(mark->words[2], sizeof mark->words[2], "FANFOLD_ATTEMPT=%" PRIu32,
             attempt);
}

/* Whether `word` has the name of `wanted`, as far as its "=". */
static bool has_name_of(const char *word, const char *wanted)
{
    return strncmp(word, wanted, strcspn(wanted, "=") + 1) == 0;
}

enum slot_mark_answer slot_mark_of(const struct slot_mark *mark, pid_t pid)
{
    enum slot_mark_answer answer = SLOT_MARK_NONE;
    char path[64], *word = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && answer != SLOT_MARK_OTHER && getdelim(&word, &room, '\0', file) > 0)
        for (int i = 0; i < WORDS; i++)
            if (*mark->words[i] && has_name_of(word, mark->words[i]))
                answer = strcmp(word, mark->words[i]) == 0 ? SLOT_MARK_SAME
                                                           : SLOT_MARK_OTHER;
    if (file)
        fclose(file);
    free(word);
    return answer;
}
