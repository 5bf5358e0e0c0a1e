/* SPDX-License-Identifier: MIT */
/* A message under way, with everything that it names copied, and the records that its
 * payload stands for. */
#ifndef FANFOLD_SIM_LETTER_H
#define FANFOLD_SIM_LETTER_H

#include "arena.h"
#include "common/message.h"
#include "mix.h"

/* The records [first, end) of the input, as this ventilator cut them; and of a result,
 * by record from `first`: whether its output is there, how often it failed alone. */
struct payload {
    struct sim_ventilator *cut_by;
    uint64_t seq;
    uint32_t first, end;
    uint8_t made;
    uint8_t failed_alone[CHUNK_RECORDS_MAX];
};

struct letter {
    struct letter *next;
    struct message message;
    struct payload payload;
};

/* In the memory of a spare one, if there is any. */
struct letter *letter_new(struct arena *arena, struct letter **spares,
                          const struct message *message, const struct payload *payload);
void letter_recycle(struct letter **spares, struct letter *letter);
/* "TASK session=3 7.2 length=2000": for the trace; cut to `size`. Returns `buffer`. */
const char *letter_print(const struct letter *letter, char *buffer, size_t size);

#endif
