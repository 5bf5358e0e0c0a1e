/* SPDX-License-Identifier: MIT */
/*
 * Where results come in: the PULL that workers push to. Anyone who can reach it can
 * write there, and there is no way back; so the intake counts what is no RESULT, logs
 * the first, and drops it.
 */
#ifndef FANFOLD_SINK_RESULT_INTAKE_H
#define FANFOLD_SINK_RESULT_INTAKE_H

#include "common/net/zap.h"
#include "common/ports.h"
#include "common/protocol/endpoint_list.h"
#include <czmq.h>

struct intake;

struct intake_config {
    const char *endpoint;
    const char *public_endpoint; /* bound too, for other hosts; NULL: none */
    struct port_range ports;     /* from which "*" is chosen */
    const char *interface;       /* for a host of "*"; NULL: all */
    const char *advertise;       /* see advertise.h; NULL: none */
    uint64_t max_result_bytes;
    const struct certificate *keys; /* NULL: links have no keys */
    const struct zap *zap;          /* likewise; must outlive the intake */
};

/* Binds; the endpoints that workers are told have the public key. 0, or -errno with a
 * sentence for a person in `error`. */
int intake_open(const struct intake_config *config, struct intake **ret_intake,
                char *error, size_t error_size);
void intake_close(struct intake **intake_p);
/* Keeps the file of an ipc endpoint (ipc_keeper.h); returns when it must be called
 * again. */
int64_t intake_tick(struct intake *intake, int64_t now_us);

/* Another turn of the loop begins: it decompresses COMPRESSED_MAX bytes, and at most a
 * payload more. */
void intake_begin_turn(struct intake *intake);

/*
 * True: a RESULT, whose slices live until the next call; *ret_payload too, unless it is
 * moved out. NULL: what is in it is to be refused, as it came damaged (FAILURE_PROTOCOL
 * in *ret_cause), or this process cannot borrow it (FAILURE_REFERENCE). False:
 * there is none now.
 */
bool intake_receive(struct intake *intake, struct message *ret_message,
                    zmq_msg_t **ret_payload, enum failure *ret_cause);

/* The endpoint that a person hears of: the public one, if there is one. */
const char *intake_bound(const struct intake *intake);
/* Where workers reach it. */
const struct endpoint_list *intake_endpoints(const struct intake *intake);
zsock_t *intake_socket(const struct intake *intake);
/* Messages that were no RESULT. */
uint64_t intake_garbage(const struct intake *intake);

#endif
