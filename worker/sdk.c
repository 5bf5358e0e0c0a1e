/* SPDX-License-Identifier: MIT */
/* Beside a worker that was built and not installed lies its own SDK; else it is where
 * meson installs it. */
#include "worker/sdk.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void find(char *path, size_t size)
{
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    snprintf(path, size, "%s/sdk/fanfold.py", own);
    bool built = slash && access(path, R_OK) == 0;
    if (built)
        *strrchr(path, '/') = '\0';
    else
        snprintf(path, size, "%s", FANFOLD_SDK_DIRECTORY);
}

void sdk_announce(void)
{
    char path[PATH_MAX + 32], all[2 * PATH_MAX];
    find(path, sizeof path);
    const char *others = getenv("PYTHONPATH");
    setenv("FANFOLD_SDK", path, 1);
    if (!others || !*others)
        setenv("PYTHONPATH", path, 1);
    else if ((size_t)snprintf(all, sizeof all, "%s:%s", others, path) < sizeof all)
        setenv("PYTHONPATH", all, 1);
}
