/* SPDX-License-Identifier: MIT */
/*
 * Where results come in: the PULL that workers push to. Anyone who reaches it may write
 * there, and there is no way back, so what is no RESULT is counted, logged once, and
 * dropped.
 */
#ifndef FANFOLD_SINK_INTAKE_H
#define FANFOLD_SINK_INTAKE_H

#include "common/message.h"
#include <czmq.h>

struct intake;

/*
 * Binds. `advertise` (NULL: none) is a whole endpoint, or
 * the host or HOST:PORT that takes the place of the bound one's. 0, or -errno with a
 * sentence for a person in `error`.
 */
int intake_open(const char *endpoint, const char *advertise, uint64_t max_result_bytes,
                struct intake **ret_intake, char *error, size_t error_size);
void intake_close(struct intake **intake_p);

/*
 * True: a RESULT, whose slices live until the next call; *ret_payload too, unless it is
 * moved out. False: there is none now.
 */
bool intake_receive(struct intake *intake, struct message *ret_message,
                    zmq_msg_t **ret_payload);

/* Where workers reach it. */
const char *intake_endpoint(const struct intake *intake);
zsock_t *intake_socket(const struct intake *intake);
/* Messages that were none of ours. */
uint64_t intake_garbage(const struct intake *intake);

/* The endpoint that workers are told: see intake_open. False: the two do not go
 * together, or the result is too long. */
bool intake_advertised(const char *bound, const char *advertise, char *buffer,
                       size_t size);

#endif
