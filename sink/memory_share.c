/* SPDX-License-Identifier: MIT */
/* What is needed last goes first: parked results, then those that the output does not
 * take. Each result is looked at once as a parked one and once as one for the output,
 * so that the work a result costs does not depend on how many wait. */
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
        struct result *result = sink_session_name_last(session);
        if (!result)
            return output_writer_spill(output, share_bytes);
        if (result_spillable(result))
            error = result_spill(result);
    }
    return error;
}
