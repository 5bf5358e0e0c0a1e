/* SPDX-License-Identifier: MIT */
#include "common/helper/connector_end.h"

#include "common/exit_status.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* NULL: another start may end otherwise. */
static const char *meaning(int status, bool did_work)
{
    if (!WIFEXITED(status))
        return NULL;
    switch (WEXITSTATUS(status)) {
    case STATUS_USAGE:
        return did_work ? NULL : "it does not work as it is called";
    case STATUS_CANNOT_EXECUTE:
        return "the shell cannot execute a command of it";
    case STATUS_NOT_FOUND:
        return "the shell does not find a command of it";
    default:
        return NULL;
    }
}

bool connector_end_is_final(int status, bool did_work)
{
    return meaning(status, did_work) != NULL;
}

void connector_end_describe(int status, bool did_work, char *text, size_t size)
{
    const char *why = meaning(status, did_work);
    if (WIFSIGNALED(status))
        snprintf(text, size, "it was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "it ended with status %d%s%s%s", WEXITSTATUS(status),
                 why ? ", which means that " : "", why ? why : "",
                 why ? ": starting it again would not help" : "");
}
