/* SPDX-License-Identifier: MIT */
/* Results on their way out of a socket, as the sink writes them. Holds one result, or
 * STREAM_BYTES of small ones. */
#ifndef FANFOLD_DEPLOY_LIB_RESULT_STREAM_H
#define FANFOLD_DEPLOY_LIB_RESULT_STREAM_H

#include "deploy/lib/tagged.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAM_BYTES = 64 << 10 };

struct result_stream {
    unsigned char *bytes;
    size_t start, end, capacity;
    bool ended; /* there is nothing more in the socket */
};

enum result_stream_outcome {
    STREAM_RESULT,
    STREAM_NONE,  /* not yet */
    STREAM_END,   /* at the border of two results */
    STREAM_CUT,   /* within one */
    STREAM_LARGE, /* a result above the limit */
};

void result_stream_deinit(struct result_stream *stream);
/* A whole result is here already. */
bool result_stream_has(const struct result_stream *stream);
/* The next result, of whatever kind; its bytes are valid until the next call. An
 * outcome or -errno. */
int result_stream_take(struct result_stream *stream, int socket, uint64_t max_result,
                       struct tagged_head *ret_head, const unsigned char **ret_bytes);

#endif
