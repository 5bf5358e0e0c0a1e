/* SPDX-License-Identifier: MIT */
/*
 * A chunk that is run in parts, to find its bad records: cuts the parts that the
 * isolation wants run, puts their results together, and names the bad records as RESULT
 * carries them. Pure, but for memory.
 */
#ifndef FANFOLD_WORKER_PARTS_H
#define FANFOLD_WORKER_PARTS_H

#include "common/message.h"
#include "worker/result.h"

struct parts;

/* What WELCOME says of it. */
struct parts_config {
    struct slice format; /* of the records */
    uint32_t header_out; /* lines of a result that are a header: of the first part's
                            that is not empty, and cut off the others */
    uint64_t max_result; /* bytes */
};

/* Of an ISOLATE. `input`, its payload, must stay until nothing runs any more. */
struct parts *parts_new(const struct message *message, struct slice input,
                        const struct parts_config *config);
void parts_destroy(struct parts **parts_p);

enum parts_state { PARTS_RUN, PARTS_DONE, PARTS_FAILED };

/* Run: the part to be run, the same one until it is told how that went. */
enum parts_state parts_next(struct parts *parts, struct slice *ret_input,
                            uint64_t *ret_records);
void parts_on_done(struct parts *parts, const void *result, size_t size);
void parts_on_failed(struct parts *parts, enum failure how, uint32_t code,
                     struct slice text);

/* Once it is done; a probe's is empty. The result's *ret_length bytes are followed by
 * those of the bad records, which are the parts'. To be taken once. */
void parts_take(struct parts *parts, zmq_msg_t *ret_message, uint64_t *ret_length,
                const struct bad_record **ret_bad, uint32_t *ret_count);
/* Once it has failed; the text is the parts'. */
struct slice parts_failure(const struct parts *parts, enum failure *ret_how);

#endif
