/* SPDX-License-Identifier: MIT */
#include "common/net/message_end.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IPC_PATH_MAX = 107 /* characters: a socket's address has no room for more */ };

struct kind_row {
    const char *word;
    bool in, out;
};

static const struct kind_row rows[] = {
#define X(name, word, in, out) {word, in, out},
    MESSAGE_KINDS(X)
#undef X
};

const char *message_kind_word(enum message_kind kind)
{
    return rows[kind].word;
}

struct complaint {
    const char *text;
    char *error;
    size_t size;
};

static int refuse(const struct complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct complaint *complaint, const char *format, ...)
{
    va_list list;
    int used = snprintf(complaint->error, complaint->size, "%s: ", complaint->text);
    va_start(list, format);
    if (used >= 0 && (size_t)used < complaint->size)
        vsnprintf(complaint->error + used, complaint->size - (size_t)used, format,
                  list);
    va_end(list);
    return -EINVAL;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* MESSAGE_KIND_COUNT: no kind is called so. */
static enum message_kind find_kind(const char *word, size_t size)
{
    size_t i = 0;
    while (i < MESSAGE_KIND_COUNT &&
           (strlen(rows[i].word) != size || strncmp(rows[i].word, word, size) != 0))
        i++;
    return (enum message_kind)i;
}

static bool has_scheme(const char *endpoint)
{
    const char *end = strstr(endpoint, "://");
    if (!end || end == endpoint)
        return false;
    for (const char *at = endpoint; at < end; at++)
        if (!isalpha((unsigned char)*at))
            return false;
    return true;
}

/* "rep:tcp://host:1" is none of ours, and surely no file. */
static int judge_stranger(const char *text, size_t word_size, const char *endpoint,
                          const struct complaint *complaint)
{
    for (size_t i = 0; i < word_size; i++)
        if (!isalpha((unsigned char)text[i]))
            return 0;
    if (word_size == 0 || !has_scheme(endpoint))
        return 0;
    return refuse(complaint,
                  "'%.*s' is no kind of socket: expected pull:, sub: or dealer: for an "
                  "input, push:, pub: or dealer: for an output",
                  (int)word_size, text);
}

static int check_direction(enum message_kind kind, enum message_direction direction,
                           const struct complaint *complaint)
{
    bool fits = direction == MESSAGES_IN ? rows[kind].in : rows[kind].out;
    if (fits)
        return 0;
    return direction == MESSAGES_IN
               ? refuse(complaint,
                        "a %s socket only sends: expected pull:, sub: or dealer: for "
                        "an input",
                        rows[kind].word)
               : refuse(complaint,
                        "a %s socket only receives: expected push:, pub: or dealer: "
                        "for an output",
                        rows[kind].word);
}

static bool is_port(const char *text, bool binds)
{
    char *end;
    if (binds && strcmp(text, "*") == 0)
        return true;
    unsigned long port = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && port > 0 && port <= 65535;
}

static int check_tcp(const struct message_end *end, const struct complaint *complaint)
{
    const char *host = end->endpoint + strlen("tcp://");
    const char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    if (!colon || colon == host || (bracket && colon < bracket))
        return refuse(complaint, "expected tcp://HOST:PORT");
    if (!is_port(colon + 1, end->binds))
        return refuse(complaint, "'%s' is no port: expected 1 to 65535%s", colon + 1,
                      end->binds ? ", or * for any that is free" : "");
    if (!end->binds && strncmp(host, "*", (size_t)(colon - host)) == 0)
        return refuse(complaint,
                      "nobody can connect to *: expected a host, or @ before tcp:// to "
                      "bind");
    return 0;
}

static int check_ipc(const struct message_end *end, const struct complaint *complaint)
{
    const char *path = end->endpoint + strlen("ipc://");
    if (*path == '\0' || strcmp(path, "*") == 0)
        return refuse(complaint, "expected ipc://PATH");
    if (strlen(path) > IPC_PATH_MAX)
        return refuse(complaint, "the path is too long (%zu characters, at most %d)",
                      strlen(path), (int)IPC_PATH_MAX);
    return 0;
}

static int check_endpoint(const struct message_end *end,
                          const struct complaint *complaint)
{
    if (begins(end->endpoint, "tcp://"))
        return check_tcp(end, complaint);
    if (begins(end->endpoint, "ipc://"))
        return check_ipc(end, complaint);
    size_t scheme = strcspn(end->endpoint, ":");
    if (has_scheme(end->endpoint))
        return refuse(complaint, "%.*s:// is not supported: expected tcp:// or ipc://",
                      (int)scheme, end->endpoint);
    return refuse(complaint,
                  "expected tcp://HOST:PORT or ipc://PATH behind '%s:'; a file of "
                  "this name is ./%s",
                  rows[end->kind].word, complaint->text);
}

static int ask_for_kind(enum message_direction direction,
                        const struct complaint *complaint)
{
    return refuse(complaint, "expected the kind of socket before it, such as %s:%s",
                  direction == MESSAGES_IN ? "pull" : "push", complaint->text);
}

int message_end_parse(const char *text, enum message_direction direction,
                      struct message_end *ret_end, char *error, size_t error_size)
{
    const struct complaint complaint = {text, error, error_size};
    size_t size = strcspn(text, ":");
    if (text[size] == '\0')
        return 0;
    if (begins(text, "tcp://") || begins(text, "ipc://"))
        return ask_for_kind(direction, &complaint);
    const char *endpoint = text + size + 1;
    struct message_end end = {.kind = find_kind(text, size), .binds = *endpoint == '@'};
    end.endpoint = endpoint + (*endpoint == '@' || *endpoint == '>');
    if (end.kind == MESSAGE_KIND_COUNT)
        return judge_stranger(text, size, end.endpoint, &complaint);
    int result = check_direction(end.kind, direction, &complaint);
    if (result == 0)
        result = check_endpoint(&end, &complaint);
    if (result < 0)
        return result;
    *ret_end = end;
    return 1;
}
