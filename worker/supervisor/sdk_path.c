/* SPDX-License-Identifier: MIT */
/* The SDK of a worker in its build directory lies beside it; that of an installed
 * worker where meson put it, also after the whole prefix was moved. */
#include "worker/supervisor/sdk_path.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The directory of this program's file; empty where it cannot be told. */
static void find_own(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

static bool is_sdk(const char *directory)
{
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/fanfold/__init__.py", directory);
    return access(path, R_OK) == 0;
}

static void find(char *path, size_t size)
{
    char own[PATH_MAX], moved[PATH_MAX + 64];
    find_own(own, sizeof own);
    snprintf(path, size, "%s/sdk", own);
    snprintf(moved, sizeof moved, "%s/../%s", own, FANFOLD_SDK_BELOW_PREFIX);
    if (is_sdk(path))
        return;
    if (!*FANFOLD_SDK_BELOW_PREFIX || !is_sdk(moved) || !realpath(moved, path))
        snprintf(path, size, "%s", FANFOLD_SDK_INSTALLED);
}

void sdk_path_announce(void)
{
    char path[PATH_MAX + 64], all[2 * PATH_MAX];
    find(path, sizeof path);
    const char *others = getenv("PYTHONPATH");
    setenv("FANFOLD_SDK", path, 1);
    if (!others || !*others)
        setenv("PYTHONPATH", path, 1);
    else if ((size_t)snprintf(all, sizeof all, "%s:%s", others, path) < sizeof all)
        setenv("PYTHONPATH", all, 1);
}
