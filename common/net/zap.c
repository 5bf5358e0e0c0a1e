/* SPDX-License-Identifier: MIT */
/*
 * A REP at the endpoint where libzmq looks for a handler. The user id that goes into
 * each message's metadata is the role and the key, "worker:KEY".
 */
#include "common/net/zap.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/net/handshake_watch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
    ANSWERS_MAX = 64, /* a call */
    NOTED_MAX = 1000, /* refusals that are logged */
    NOTE_SIZE = 160,
};

static const char endpoint[] = "inproc://zeromq.zap.01";
static const char here[] = "here"; /* the user id of whoever has no key, by ipc */

struct note {
    char text[NOTE_SIZE];
    UT_hash_handle hh;
};

struct zap {
    const struct keyring *keyring; /* of tasks and results; NULL: they have no keys */
    const struct keyring *input;   /* likewise */
    zsock_t *rep;
    struct handshake_watch *watch; /* NULL: none yet */
    const char *watched;           /* its domain */
    struct note *notes;            /* of refusals */
};

/* The frames of a request, RFC 27. */
enum {
    REQUEST_VERSION,
    REQUEST_ID,
    REQUEST_DOMAIN,
    REQUEST_ADDRESS,
    REQUEST_ROUTING_ID,
    REQUEST_MECHANISM,
    REQUEST_CREDENTIALS,
    REQUEST_FRAMES,
};

struct zap *zap_new(const struct keyring *keyring)
{
    struct zap *zap = allocate_zeroed(1, sizeof *zap);
    zap->keyring = keyring;
    zap->rep = zsock_new(ZMQ_REP);
    if (zap->rep) {
        zsock_set_rcvhwm(zap->rep, 0);
        zsock_set_sndhwm(zap->rep, 0);
        zsock_set_linger(zap->rep, 0);
    }
    if (!zap->rep || zmq_bind(zsock_resolve(zap->rep), endpoint) < 0)
        zap_destroy(&zap);
    return zap;
}

void zap_set_input(struct zap *zap, const struct keyring *keyring)
{
    zap->input = keyring;
}

void zap_destroy(struct zap **zap_p)
{
    struct zap *zap = *zap_p;
    int saved_errno = errno;
    if (!zap)
        return;
    zap_unwatch(zap);
    struct note *note, *next;
    HASH_ITER (hh, zap->notes, note, next) {
        HASH_DEL(zap->notes, note);
        free(note);
    }
    if (zap->rep) /* a later handler finds the name free */
        zmq_unbind(zsock_resolve(zap->rep), endpoint);
    zsock_destroy(&zap->rep);
    free(zap);
    *zap_p = NULL;
    errno = saved_errno;
}

zsock_t *zap_socket(const struct zap *zap)
{
    return zap ? zap->rep : NULL;
}

int zap_watch(struct zap *zap, zsock_t *bound, const char *domain)
{
    zap->watched = domain;
    zap->watch = handshake_watch_new(bound);
    return zap->watch ? 0 : -errno;
}

void zap_unwatch(struct zap *zap)
{
    if (zap)
        handshake_watch_destroy(&zap->watch);
}

zsock_t *zap_watch_socket(const struct zap *zap)
{
    return zap && zap->watch ? handshake_watch_socket(zap->watch) : NULL;
}

/* NULL: the peer may come in. A revoked key may, to tasks, where it is told that it is
 * revoked; nobody hears anything else of it. */
static bool is_of_messages(const char *domain)
{
    return strcmp(domain, ZAP_INPUT) == 0 || strcmp(domain, ZAP_OUTPUT) == 0;
}

static const char *refuse(const char *domain, enum key_standing standing,
                          enum key_role role)
{
    bool tasks = strcmp(domain, ZAP_TASKS) == 0;
    if (!tasks && strcmp(domain, ZAP_RESULTS) != 0 && !is_of_messages(domain))
        return "no such domain";
    if (standing == KEY_UNKNOWN)
        return "unknown key";
    if (standing == KEY_REVOKED)
        return tasks ? NULL : "revoked key";
    if (role == KEY_VENTILATOR || (role == KEY_SINK && !tasks))
        return "wrong role";
    return NULL;
}

/* A peer may try again and again, and many may: each is logged once, up to a bound. */
static bool is_new(struct zap *zap, const char *text)
{
    struct note *note;
    HASH_FIND_STR(zap->notes, text, note);
    if (note || HASH_COUNT(zap->notes) >= NOTED_MAX)
        return false;
    note = allocate_zeroed(1, sizeof *note);
    snprintf(note->text, sizeof note->text, "%s", text);
    HASH_ADD_STR(zap->notes, text, note);
    return true;
}

static void log_refusal(struct zap *zap, const char *address, const char *key,
                        const char *domain, const char *why)
{
    char text[NOTE_SIZE], quoted[256];
    log_quote(quoted, sizeof quoted, address, strlen(address));
    snprintf(text, sizeof text, "%s %s %s", key, why, address);
    if (is_new(zap, text))
        log_event(LOG_LEVEL_WARN, "refused", "at=%s address=%s key=%s why=\"%s\"%s",
                  domain, quoted, key, why,
                  HASH_COUNT(zap->notes) == NOTED_MAX ? " further=unlogged" : "");
}

static bool frame_is(zmsg_t *request, size_t index, const char *text)
{
    zframe_t *frame = zmsg_first(request);
    for (size_t i = 0; frame && i < index; i++)
        frame = zmsg_next(request);
    return frame && zframe_streq(frame, text);
}

static void copy_frame(zmsg_t *request, size_t index, char *text, size_t size)
{
    zframe_t *frame = zmsg_first(request);
    for (size_t i = 0; frame && i < index; i++)
        frame = zmsg_next(request);
    snprintf(text, size, "%.*s", frame ? (int)zframe_size(frame) : 0,
             frame ? (const char *)zframe_data(frame) : "");
}

/* False: libzmq never asks so. */
static bool read_key(zmsg_t *request, char key[KEY_TEXT_SIZE])
{
    zframe_t *frame;
    return zmsg_size(request) == REQUEST_FRAMES &&
           frame_is(request, REQUEST_VERSION, "1.0") &&
           frame_is(request, REQUEST_MECHANISM, "CURVE") &&
           (frame = zmsg_last(request)) && zframe_size(frame) == KEY_BYTES &&
           zmq_z85_encode(key, zframe_data(frame), KEY_BYTES);
}

/* libzmq writes the address of an ipc peer as "localhost:UID:GID:PID", and that of a
 * tcp one as numbers; our tcp sockets take nobody without a key. */
static bool is_of_this_host(zmsg_t *request, const char *address)
{
    return zmsg_size(request) == REQUEST_FRAMES - 1 &&
           frame_is(request, REQUEST_MECHANISM, "NULL") &&
           strncmp(address, "localhost:", strlen("localhost:")) == 0;
}

/* Returns the user id, in `user`; "": the peer is refused. */
static void judge(struct zap *zap, zmsg_t *request, char *user, size_t size)
{
    char key[KEY_TEXT_SIZE] = "", domain[32], address[64];
    enum key_role role = KEY_WORKER;
    copy_frame(request, REQUEST_DOMAIN, domain, sizeof domain);
    copy_frame(request, REQUEST_ADDRESS, address, sizeof address);
    *user = '\0';
    if (is_of_this_host(request, address)) {
        snprintf(user, size, "%s", here);
        return;
    }
    if (!read_key(request, key)) {
        log_refusal(zap, address, key, domain, "no key");
        return;
    }
    const struct keyring *keyring = is_of_messages(domain) ? zap->input : zap->keyring;
    enum key_standing standing = keyring ? keyring_find(keyring, key, &role)
                                         : KEY_UNKNOWN;
    const char *why = refuse(domain, standing, role);
    if (why)
        log_refusal(zap, address, key, domain, why);
    else
        snprintf(user, size, "%s:%s", key_role_word(role), key);
}

static void answer(struct zap *zap, zmsg_t *request)
{
    char user[64], id[256];
    copy_frame(request, REQUEST_ID, id, sizeof id);
    judge(zap, request, user, sizeof user);
    zmsg_t *reply = zmsg_new();
    zmsg_addstr(reply, "1.0");
    zmsg_addstr(reply, id);
    zmsg_addstr(reply, *user ? "200" : "400");
    zmsg_addstr(reply, *user ? "OK" : "refused");
    zmsg_addstr(reply, user);
    zmsg_addmem(reply, "", 0);
    zmsg_send(&reply, zap->rep);
    zmsg_destroy(&reply);
}

static bool is_asked(const struct zap *zap)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(zsock_resolve(zap->rep), ZMQ_EVENTS, &events, &size) == 0 &&
           events & ZMQ_POLLIN;
}

static void log_turned_away(struct zap *zap)
{
    char address[HANDSHAKE_ADDRESS_MAX];
    const char *why;
    for (int i = 0; zap->watch && i < ANSWERS_MAX; i++) {
        if (!(why = handshake_watch_next(zap->watch, address)))
            return;
        log_refusal(zap, address, "none", zap->watched, why);
    }
}

void zap_answer(struct zap *zap)
{
    if (zap)
        log_turned_away(zap);
    for (int i = 0; zap && i < ANSWERS_MAX && is_asked(zap); i++) {
        zmsg_t *request = zmsg_recv(zap->rep);
        if (!request)
            return;
        answer(zap, request);
        zmsg_destroy(&request);
    }
}

bool zap_find_sender(const struct keyring *keyring, zmq_msg_t *frame,
                     struct zap_peer *ret_peer)
{
    const char *user = keyring ? zmq_msg_gets(frame, "User-Id") : NULL;
    const char *key = user ? strchr(user, ':') : NULL;
    if (!user || strcmp(user, here) == 0)
        return false;
    *ret_peer = (struct zap_peer){KEY_UNKNOWN, KEY_WORKER};
    if (key)
        ret_peer->standing = keyring_find(keyring, key + 1, &ret_peer->role);
    return true;
}

bool zap_check(const struct zap *zap, zmq_msg_t *frame, struct zap_peer *ret_peer)
{
    return zap && zap_find_sender(zap->keyring, frame, ret_peer);
}
