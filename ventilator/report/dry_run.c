/* SPDX-License-Identifier: MIT */
#include "ventilator/report/dry_run.h"

#include "common/exit_status.h"
#include "common/log.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static void print_chunk(const struct source *source, uint64_t seq,
                        const struct chunk *chunk)
{
    const char *name = source_name(source, chunk->input);
    printf("%" PRIu64 "\t", seq);
    if (name)
        printf("%s\t", name);
    printf("%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", chunk->offset,
           chunk_input_length(chunk), chunk->records);
}

static void wait_for_input(const struct source *source)
{
    struct pollfd ready = {.fd = source_fd(source), .events = POLLIN};
    poll(&ready, 1, -1);
}

/* A reader who has seen enough may close the pipe. */
static int end(enum source_outcome outcome, const struct source *source)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        int error = errno;
        if (error == EPIPE)
            return STATUS_OUTPUT_CLOSED;
        say("cannot write the table: %s", strerror(error));
        return STATUS_IO;
    }
    if (outcome != SOURCE_FAILED)
        return STATUS_OK;
    say("%s", source_error(source));
    return STATUS_IO;
}

int dry_run(struct source *source)
{
    struct chunk chunk;
    uint64_t seq = 0;
    enum source_outcome outcome;
    printf("seq\t%soffset\tlength\trecords\n", source_name(source, 0) ? "input\t" : "");
    while ((outcome = source_next(source, &chunk)) != SOURCE_ENDED &&
           outcome != SOURCE_FAILED && !ferror(stdout)) {
        if (outcome == SOURCE_WAITS)
            wait_for_input(source);
        if (outcome != SOURCE_CHUNK)
            continue;
        print_chunk(source, seq++, &chunk);
        zmq_msg_close(&chunk.bytes);
    }
    return end(outcome, source);
}
