/* SPDX-License-Identifier: MIT */
/* What is needed last goes first: parked results, then those that the output does not
 * take. Of the latter it makes more room than it must, since each call goes over them
 * all. */
#include "sink/memory_share.h"

uint64_t memory_share_bytes(const struct sink_session *session)
{
    static const uint64_t default_bytes = UINT64_C(128) << 20;
    uint64_t said = sink_session_buffer(session);
    return said > 0 ? said : default_bytes;
}

int memory_share_keep(struct sink_session *session, struct output_writer *output,
                      const struct result_memory *memory, uint64_t share_bytes)
{
    int error = 0;
    while (error == 0 && result_memory_bytes(memory) > share_bytes) {
        struct result *result = sink_session_last_parked(session, result_spillable);
        if (!result)
            return output_writer_spill(output, share_bytes / 4 * 3);
        error = result_spill(result);
    }
    return error;
}
