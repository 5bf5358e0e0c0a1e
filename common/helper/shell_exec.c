/* SPDX-License-Identifier: MIT */
#include "common/helper/shell_exec.h"

#include "common/memory.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blanks[] = " \t";

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           access(path, X_OK) == 0;
}

static bool is_in_path(const char *name)
{
    const char *folder = getenv("PATH");
    bool found = false;
    while (folder && !found) {
        size_t size = strcspn(folder, ":");
        char *path =
            allocate_text("%.*s/%s", size ? (int)size : 1, size ? folder : ".", name);
        found = is_program(path);
        free(path);
        folder = folder[size] ? folder + size + 1 : NULL;
    }
    return found;
}

/* A word of these means the same to the shell as to us: neither an assignment nor a
 * variable. Builtins without a file of their name, and keywords, have no program. */
static bool names_program(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-+./@%:,";
    size_t size = strcspn(text, blanks);
    if (size == 0 || strspn(text, plain) < size)
        return false;
    char *word = allocate_text("%.*s", (int)size, text);
    bool found = strchr(word, '/') ? is_program(word) : is_in_path(word);
    free(word);
    return found;
}

/* Behind the quoted text that begins at `at`; NULL: the quotes have no end. */
static const char *skip_quoted(const char *at)
{
    const char quote = *at++;
    for (; *at && *at != quote; at++)
        if (quote == '"' && *at == '\\' && at[1])
            at++;
    return *at ? at + 1 : NULL;
}

static bool is_one_command(const char *at)
{
    while (at && *at) {
        if (strchr(";&|()`\n", *at))
            return false;
        if (*at == '\'' || *at == '"')
            at = skip_quoted(at);
        else
            at += *at == '\\' && at[1] ? 2 : 1;
    }
    return at;
}

char *shell_exec_command(const char *command)
{
    const char *first = command + strspn(command, blanks);
    bool execs = is_one_command(first) && names_program(first);
    return allocate_text("%s%s", execs ? "exec " : "", command);
}
