/* SPDX-License-Identifier: MIT */
#include "ventilator/inbox.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/net/envelope.h"
#include "common/protocol/protocol.h"
#include "ventilator/once_per_peer.h"
#include "ventilator/report/notices.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES_MAX = 1000 }; /* received in one call */

struct inbox {
    zsock_t *router;
    const struct zap *zap; /* NULL: no link has keys */
    struct dispatch *dispatch;
    bool by_reference; /* a person wants chunks to go so */
    struct decoder *decoder;
    struct envelope envelope;
    struct once_per_peer malformed; /* logged and answered */
    struct once_per_peer different; /* workers that run something else, logged */
    struct once_per_peer refused;   /* keys, logged and answered */
};

struct inbox *inbox_new(zsock_t *router, const struct zap *zap,
                        struct dispatch *dispatch, bool by_reference)
{
    struct inbox *inbox = allocate_zeroed(1, sizeof *inbox);
    inbox->router = router;
    inbox->zap = zap;
    inbox->dispatch = dispatch;
    inbox->by_reference = by_reference;
    inbox->decoder = decoder_new();
    envelope_init(&inbox->envelope);
    return inbox;
}

void inbox_destroy(struct inbox **inbox_p)
{
    struct inbox *inbox = *inbox_p;
    if (!inbox)
        return;
    decoder_destroy(&inbox->decoder);
    envelope_deinit(&inbox->envelope);
    free(inbox);
    *inbox_p = NULL;
}

static void on_malformed(struct inbox *inbox, enum reject reason, const char *why)
{
    uint32_t peer = inbox->envelope.peer;
    if (!once_per_peer_add(&inbox->malformed, peer))
        return;
    log_event(LOG_LEVEL_WARN, "malformed", "peer=%" PRIu32 " error=\"%s\"", peer, why);
    dispatch_on_malformed(inbox->dispatch, peer, reason, why);
}

static void on_undecoded(struct inbox *inbox, enum decode_error error)
{
    char why[200];
    if (error == DECODE_UNKNOWN_TYPE)
        snprintf(why, sizeof why, "%" PRIu64 " is no type of message",
                 decoder_type(inbox->decoder));
    else
        decoder_complain(inbox->decoder, error, why, sizeof why);
    on_malformed(inbox, error == DECODE_UNKNOWN_TYPE ? REJECT_TYPE : REJECT_MALFORMED,
                 why);
}

/* A peer of another version hears that from REJECT; the person here from this. */
static void check_version(struct inbox *inbox, const struct message *message)
{
    uint32_t version = message->type == MESSAGE_HELLO_WORKER
                           ? message->hello_worker.version
                           : message->hello_sink.version;
    if (version != PROTOCOL_VERSION &&
        once_per_peer_add(&inbox->malformed, inbox->envelope.peer))
        log_event(LOG_LEVEL_WARN, "version_differs",
                  "peer=%" PRIu32 " role=%s speaks=FANFOLD/%" PRIu32 " here=FANFOLD/%d",
                  inbox->envelope.peer,
                  message->type == MESSAGE_HELLO_WORKER ? "worker" : "sink", version,
                  PROTOCOL_VERSION);
}

/* A worker may run another program than the first one; mostly, that is a mistake. */
static void check_program(struct inbox *inbox, const struct message *message)
{
    char host[512], command[512];
    uint64_t first = dispatch_program(inbox->dispatch);
    if (message->hello_worker.version != PROTOCOL_VERSION || first == 0 ||
        message->hello_worker.program == 0 || message->hello_worker.program == first ||
        !once_per_peer_add(&inbox->different, inbox->envelope.peer))
        return;
    log_event(LOG_LEVEL_WARN, "program_differs", "host=%s pid=%" PRIu32 " command=%s",
              log_quote(host, sizeof host, message->hello_worker.host.data,
                        message->hello_worker.host.size),
              message->hello_worker.pid,
              log_quote(command, sizeof command, message->hello_worker.command.data,
                        message->hello_worker.command.size));
}

/* NULL: the peer may send this. It may be a worker and a sink where links have no
 * keys. */
static const char *refuse_key(const struct zap_peer *peer, enum message_type type)
{
    bool sink_only = type == MESSAGE_HELLO_SINK || type == MESSAGE_BEGIN ||
                     type == MESSAGE_PROGRESS || type == MESSAGE_FINISHED ||
                     type == MESSAGE_REFUSED || type == MESSAGE_STALLED;
    bool both = type == MESSAGE_PING || type == MESSAGE_GOODBYE ||
                type == MESSAGE_UNKNOWN;
    if (peer->standing == KEY_UNKNOWN)
        return "unknown key";
    if (peer->standing == KEY_REVOKED)
        return "your key is revoked";
    if (both || peer->role == (sink_only ? KEY_SINK : KEY_WORKER))
        return NULL;
    return sink_only ? "your key is a worker's, and no sink's"
                     : "your key is a sink's, and no worker's";
}

/* Whether the message is to be dropped, and with it the peer. */
static bool is_refused(struct inbox *inbox, enum message_type type, int64_t now_us)
{
    struct zap_peer key;
    uint32_t peer = inbox->envelope.peer;
    if (!zap_check(inbox->zap, &inbox->envelope.header, &key))
        return false;
    const char *why = refuse_key(&key, type);
    if (why && once_per_peer_add(&inbox->refused, peer)) {
        const char *user = zmq_msg_gets(&inbox->envelope.header, "User-Id");
        const char *address = zmq_msg_gets(&inbox->envelope.header, "Peer-Address");
        log_event(LOG_LEVEL_WARN, "refused", "at=tasks address=%s key=%s why=\"%s\"",
                  address ? address : "?", user ? user : "?", why);
        dispatch_on_refused(inbox->dispatch, peer, why, now_us);
    }
    return why != NULL;
}

static void log_stalled(const struct message *message)
{
    char text[512];
    log_event(LOG_LEVEL_DEBUG, "sink_stalled", "ms=%" PRIu64 " for=%s",
              message->stalled.waited_ms,
              log_quote(text, sizeof text, message->stalled.text.data,
                        message->stalled.text.size));
}

static void on_envelope(struct inbox *inbox, int64_t now_us)
{
    struct envelope *envelope = &inbox->envelope;
    struct message message;
    char why[100];
    if (envelope->frames > 2) {
        on_malformed(inbox, REJECT_MALFORMED, "more than two frames");
        return;
    }
    enum decode_error error = decoder_read(
        inbox->decoder, zmq_msg_data(&envelope->header),
        zmq_msg_size(&envelope->header),
        envelope->frames == 2 ? zmq_msg_size(&envelope->payload) : PAYLOAD_NONE,
        &message);
    if (error != DECODE_NONE) {
        on_undecoded(inbox, error);
        return;
    }
    if (is_refused(inbox, message.type, now_us))
        return;
    if (!dispatch_hears(message.type)) {
        snprintf(why, sizeof why, "%s is not for a ventilator",
                 message_type_name(message.type));
        on_malformed(inbox, REJECT_MALFORMED, why);
        return;
    }
    log_event(LOG_LEVEL_TRACE, "received", "type=%s peer=%" PRIu32,
              message_type_name(message.type), envelope->peer);
    if (message.type == MESSAGE_REFUSED)
        notices_say_refused(inbox->dispatch, &message);
    if (message.type == MESSAGE_FAILED && inbox->by_reference)
        notices_say_unread(inbox->dispatch, envelope->peer, &message);
    if (message.type == MESSAGE_STALLED)
        log_stalled(&message);
    if (message.type == MESSAGE_UNKNOWN)
        log_event(LOG_LEVEL_WARN, "unknown_type", "peer=%" PRIu32 " type=%" PRIu64,
                  envelope->peer, message.unknown.type);
    dispatch_on_message(inbox->dispatch, envelope->peer, &message, now_us);
    if (message.type == MESSAGE_HELLO_WORKER)
        check_program(inbox, &message);
    if (message.type == MESSAGE_HELLO_WORKER || message.type == MESSAGE_HELLO_SINK)
        check_version(inbox, &message);
}

void inbox_receive(struct inbox *inbox, int64_t now_us)
{
    for (int i = 0; i < MESSAGES_MAX; i++) {
        int result = envelope_receive_router(inbox->router, &inbox->envelope);
        if (result < 0)
            log_event(LOG_LEVEL_WARN, "receive_failed", "error=\"%s\"",
                      zmq_strerror(-result));
        if (result <= 0)
            return;
        on_envelope(inbox, now_us);
    }
}
