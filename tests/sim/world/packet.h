/* SPDX-License-Identifier: MIT */
/* A message under way, with everything that it names copied, and the records that its
 * payload stands for. */
#ifndef FANFOLD_TESTS_SIM_WORLD_PACKET_H
#define FANFOLD_TESTS_SIM_WORLD_PACKET_H

#include "arena.h"
#include "common/protocol/message.h"
#include "scenario.h"

/* The records [first, end) of the input, as this ventilator cut them; and of a result,
 * by record from `first`: whether its output is there, how often it failed alone. */
struct payload {
    struct sim_ventilator *cut_by;
    uint64_t seq;
    uint32_t first, end;
    bool slip;         /* the result is wrong, in a way that the sink sees, */
    uint64_t slip_seq; /* and names this task, or bears its mark */
    bool far;          /* the result is a loan that no sink can open */
    struct sim_worker
        *shifted_by; /* the result is wrong, and only the end of its
                        program at this worker shows it; NULL: it is not */
    uint8_t made;
    uint8_t failed_alone[CHUNK_RECORDS_MAX];
};

struct packet {
    struct packet *next;
    struct message message;
    struct payload payload;
};

/* In the memory of a spare one, if there is any. */
struct packet *packet_new(struct arena *arena, struct packet **spares,
                          const struct message *message, const struct payload *payload);
void packet_recycle(struct packet **spares, struct packet *packet);
/* "TASK session=3 7.2 length=2000": for the trace; cut to `size`. Returns `buffer`. */
const char *packet_print(const struct packet *packet, char *buffer, size_t size);

#endif
