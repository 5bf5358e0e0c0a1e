/* SPDX-License-Identifier: MIT */
/* A line that is not known costs only that the login is tried again. */
#include "deploy/ssh/ssh_words.h"

#include <stddef.h>
#include <string.h>

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

bool ssh_words_refuse(const char *line)
{
    static const char *const first[] = {
        "command-line",         "Can't open user config file",
        "Bad owner or perm",    "Bad port",
        "Bad stdio forwarding", "Unknown cipher type",
        "Unknown mac type",     "Invalid -",
    };
    static const char *const inside[] = {
        ": terminating, ",                      /* N bad options in a file */
        " destination [command [argument ...]]" /* the last line of its usage */
    };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (begins(line, first[i]))
            return true;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (strstr(line, inside[i]))
            return true;
    return false;
}

/* It has a number in place of the port that a path has not. */
bool ssh_words_tell_of_tunnel(const char *line)
{
    return (begins(line, "connect to ") || begins(line, "connect_to ")) &&
           strstr(line, " port -2");
}
