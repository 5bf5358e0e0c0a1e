/* SPDX-License-Identifier: MIT */
/* The hosts that a person names: [SLOTS/][USER@]HOST[:PORT], or : for this host, as GNU
 * parallel has them. Pure. */
#ifndef FANFOLD_DEPLOY_SSH_LOGIN_H
#define FANFOLD_DEPLOY_SSH_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOGIN_TEXT_MAX = 300 };

struct login {
    char text[LOGIN_TEXT_MAX];   /* as it was written: what it is called by */
    char target[LOGIN_TEXT_MAX]; /* [USER@]HOST, for ssh; empty: this host */
    uint16_t port;               /* 0: ssh's own */
    uint32_t slots;              /* 0: as many as the host has processors */
};

struct login_list {
    struct login *items;
    size_t count;
};

/* Adds what `text` names, separated by commas. False: `wrong` has the first that is no
 * login. A login that is in the list already counts once. */
bool login_list_add(struct login_list *list, const char *text,
                    char wrong[LOGIN_TEXT_MAX]);
/* Adds those of a file's text: one or more a line, `#` begins a comment. */
bool login_list_add_lines(struct login_list *list, const char *text,
                          char wrong[LOGIN_TEXT_MAX]);
/* What a person calls it: as it was written, or "localhost". */
const char *login_name(const struct login *login);
bool login_list_has(const struct login_list *list, const char *text);
/* Adds those that are not there yet. */
void login_list_merge(struct login_list *list, const struct login_list *others);
void login_list_deinit(struct login_list *list);

#endif
