/* SPDX-License-Identifier: MIT */
/* One message each. */
#include "worker/report.h"

#include "common/log.h"
#include <unistd.h>

void report_hello(struct outbox *outbox, const struct identity *identity,
                  uint32_t slots, struct session *session, uint64_t nonce)
{
    struct message message = {.type = MESSAGE_HELLO_WORKER};
    message.hello_worker.version = PROTOCOL_VERSION;
    message.hello_worker.uuid = identity->uuid;
    message.hello_worker.nonce = nonce;
    message.hello_worker.host = slice_of_text(identity->host);
    message.hello_worker.pid = (uint32_t)getpid();
    message.hello_worker.slots = slots;
    message.hello_worker.way = session_way(session);
    message.hello_worker.program = identity->program;
    message.hello_worker.command = slice_of_text(identity->command);
    message.hello_worker.run = session_run(session);
    message.hello_worker.epoch = session_epoch(session);
    message.hello_worker.ledger = session_ledger(session, &message.hello_worker.count);
    log_event(LOG_LEVEL_DEBUG, "hello", "nonce=%llu ledger=%u",
              (unsigned long long)nonce, message.hello_worker.count);
    outbox_say(outbox, &message);
}

void report_ping(struct outbox *outbox, struct session *session, uint64_t number)
{
    struct message message = {.type = MESSAGE_PING};
    message.ping.session = number;
    message.ping.way = session_way(session);
    message.ping.leaving = session_leaving(session);
    message.ping.running = session_running(session, &message.ping.count);
    outbox_say(outbox, &message);
}

void report_failed(struct outbox *outbox, const struct session_action *action)
{
    const struct work *work = action->cargo;
    struct message message = {.type = MESSAGE_FAILED};
    message.failed.session = action->session;
    message.failed.seq = action->seq;
    message.failed.attempt = action->attempt;
    message.failed.run_us = action->run_us;
    message.failed.how = work->how;
    message.failed.code = work->code;
    message.failed.text = (struct slice){.data = work->text, .size = work->text_size};
    outbox_say(outbox, &message);
}

void report_goodbye(struct outbox *outbox, uint64_t number)
{
    struct message message = {.type = MESSAGE_GOODBYE};
    message.goodbye.session = number;
    outbox_say(outbox, &message);
}
