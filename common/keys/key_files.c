/* SPDX-License-Identifier: MIT */
#include "common/keys/key_files.h"

#include <stdio.h>
#include <unistd.h>

static const char *const role_words[KEY_ROLE_COUNT] = {
#define X(name, word) word,
    KEY_ROLES(X)
#undef X
};

const char *key_role_word(enum key_role role)
{
    return role_words[role];
}

void key_files_remove(int directory)
{
    for (int i = 0; i < KEY_ROLE_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.key_secret", role_words[i]);
        unlinkat(directory, name, 0);
        snprintf(name, sizeof name, "%s.key", role_words[i]);
        unlinkat(directory, name, 0);
    }
}
