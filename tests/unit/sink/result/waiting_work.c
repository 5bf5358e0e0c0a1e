/* SPDX-License-Identifier: MIT */
/*
 * waiting_work WINDOW SIZE SHARE: the sink's parts, with results of SIZE bytes of which
 * the first comes last, SHARE bytes of memory for them, and /dev/null as the output.
 * For tests/pipeline/test_waiting.py, which counts what it takes.
 */
#include "common/protocol/mark.h"
#include "sink/memory_share.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct id run = {{1}}, ventilator = {{2}}, worker = {{3}};

static struct sink_session *session;
static struct result_memory *memory;
static struct output_writer *output;
static uint64_t share, written;
static char error[512];

static void act(int64_t now_us)
{
    struct sink_action action;
    sink_session_tick(session, now_us);
    while (sink_session_next(session, &action))
        if (action.kind == SINK_WRITE &&
            output_writer_push(output, action.cargo, 0, error, sizeof error) != 0)
            abort();
        else if (action.kind == SINK_PROGRESS)
            sink_session_progress(session);
}

static void settle(int64_t now_us)
{
    act(now_us);
    do {
        if (output_writer_write(output, share, error, sizeof error) != 0)
            abort();
        if (output_writer_take_written(output, &written))
            sink_session_on_written(session, written, now_us);
    } while (output_writer_is_behind(output));
    if (memory_share_keep(session, output, memory, share) != 0)
        abort();
}

static void take(uint64_t seq, size_t size, int64_t now_us)
{
    uint8_t mark[1 + MARK_SEAL_BYTES] = {0};
    struct result_entry entry = {
        .seq = seq, .attempt = 1, .length = size, .mark = {mark, 0}};
    zmq_msg_t payload;
    entry.mark.size = mark_seal(mark, 1, seq);
    zmq_msg_init_size(&payload, size);
    memset(zmq_msg_data(&payload), 'x', size);
    struct result *result = result_new(memory, seq, &payload, 0, size);
    zmq_msg_close(&payload);
    if (!sink_session_on_result(session, &run, 1, &worker, &entry, result))
        abort();
    settle(now_us);
}

static void begin(void)
{
    struct sink_session_config config = {.position = {.run = run},
                                         .ordered = true,
                                         .max_result = 1 << 20,
                                         .liveness_us = 1000000000,
                                         .patience_us = -1};
    struct message welcome = {.type = MESSAGE_WELCOME,
                              .welcome = {.version = PROTOCOL_VERSION,
                                          .uid = ventilator,
                                          .heartbeat_ms = 250,
                                          .liveness_ms = 1000000}};
    session = sink_session_new(&config, 1);
    act(2);
    sink_session_on_message(session, &welcome, 3);
    act(2000);
}

int main(int argc, char **argv)
{
    assert(argc == 4);
    uint64_t window = strtoull(argv[1], NULL, 10);
    size_t size = strtoull(argv[2], NULL, 10);
    struct output *null = output_adopt(open("/dev/null", O_WRONLY | O_CLOEXEC), "null");
    share = strtoull(argv[3], NULL, 10);
    memory = result_memory_new("/tmp");
    output = output_writer_new(&null, memory, false);
    begin();
    /* As of several workers: by twos and threes not in order. */
    for (uint64_t seq = 1; seq < window; seq++)
        take((seq ^ 1) < window && seq > 1 ? seq ^ 1 : seq, size, 3000);
    take(0, size, 3000);
    while (output_writer_has_queued(output))
        settle(3000);
    printf("%llu bytes, spilled %llu\n",
           (unsigned long long)output_writer_bytes(output),
           (unsigned long long)result_memory_spilled_bytes(memory));
    output_writer_destroy(&output);
    sink_session_destroy(&session, result_drop);
    result_memory_destroy(&memory);
    return 0;
}
