/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/login.h"

#include "common/memory.h"
#include "common/parse.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MOST = 65535 };

/* A name that begins with a dash would be an option of ssh's. */
static bool is_target(const char *target)
{
    if (*target == '\0' || *target == '-')
        return false;
    for (; *target; target++)
        if (isspace((unsigned char)*target) || iscntrl((unsigned char)*target))
            return false;
    return true;
}

/* "8/" in front. False: what is before the slash is no number. */
static bool take_slots(const char **text_p, uint32_t *ret_slots)
{
    const char *slash = strchr(*text_p, '/');
    char number[16];
    uint64_t slots;
    if (!slash)
        return true;
    snprintf(number, sizeof number, "%.*s", (int)(slash - *text_p), *text_p);
    if ((size_t)(slash - *text_p) >= sizeof number ||
        !parse_number(number, 1, SLOTS_MOST, &slots))
        return false;
    *ret_slots = (uint32_t)slots;
    *text_p = slash + 1;
    return true;
}

/* ":22" behind. An IPv6 address has several colons, and no port unless it is in
 * brackets, which ssh does not take. */
static bool take_port(char *target, uint16_t *ret_port)
{
    char *host = strrchr(target, '@') ? strrchr(target, '@') + 1 : target;
    char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    uint64_t port;
    if (*host == '[' && bracket) {
        bool good = bracket[1] == '\0' || bracket[1] == ':';
        if (bracket[1] == ':')
            good = parse_number(bracket + 2, 1, UINT16_MAX, &port);
        if (good && bracket[1] == ':')
            *ret_port = (uint16_t)port;
        *bracket = '\0';
        memmove(host, host + 1, strlen(host));
        return good;
    }
    if (!colon || strchr(host, ':') != colon)
        return true;
    if (!parse_number(colon + 1, 1, UINT16_MAX, &port))
        return false;
    *ret_port = (uint16_t)port;
    *colon = '\0';
    return true;
}

static bool parse(const char *text, struct login *login)
{
    *login = (struct login){.port = 0};
    snprintf(login->text, sizeof login->text, "%s", text);
    if (strlen(text) >= sizeof login->text || !take_slots(&text, &login->slots))
        return false;
    if (strcmp(text, ":") == 0)
        return true;
    snprintf(login->target, sizeof login->target, "%s", text);
    return take_port(login->target, &login->port) && is_target(login->target);
}

const char *login_name(const struct login *login)
{
    return *login->target ? login->text : "localhost";
}

bool login_list_has(const struct login_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].text, text) == 0)
            return true;
    return false;
}

static void append(struct login_list *list, const struct login *login)
{
    list->items = reallocate(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = *login;
}

static bool add_each(struct login_list *list, const char *text, const char *separators,
                     char wrong[LOGIN_TEXT_MAX])
{
    struct login login;
    bool good = true;
    char *copy = allocate_text("%s", text), *rest = copy, *word;
    while (good && (word = strsep(&rest, separators))) {
        if (*word == '\0' || login_list_has(list, word))
            continue;
        good = parse(word, &login);
        if (!good) {
            snprintf(wrong, LOGIN_TEXT_MAX, "%s", word);
            break;
        }
        append(list, &login);
    }
    free(copy);
    return good;
}

bool login_list_add(struct login_list *list, const char *text,
                    char wrong[LOGIN_TEXT_MAX])
{
    return add_each(list, text, ",", wrong);
}

bool login_list_add_lines(struct login_list *list, const char *text,
                          char wrong[LOGIN_TEXT_MAX])
{
    bool good = true;
    char *copy = allocate_text("%s", text), *rest = copy, *line;
    while (good && (line = strsep(&rest, "\n"))) {
        line[strcspn(line, "#")] = '\0';
        good = add_each(list, line, ", \t\r", wrong);
    }
    free(copy);
    return good;
}

void login_list_merge(struct login_list *list, const struct login_list *others)
{
    for (size_t i = 0; i < others->count; i++)
        if (!login_list_has(list, others->items[i].text))
            append(list, &others->items[i]);
}

void login_list_deinit(struct login_list *list)
{
    free(list->items);
    *list = (struct login_list){NULL, 0};
}
