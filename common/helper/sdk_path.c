/* SPDX-License-Identifier: MIT */
/* The SDK of a program in its build directory lies beside the worker; that of an
 * installed one where meson put it, also after the whole prefix was moved. */
#include "common/helper/sdk_path.h"

#include "common/memory.h"
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
    static const char *const built[] = {"sdk", "../worker/sdk"};
    char own[PATH_MAX], moved[PATH_MAX + 64];
    find_own(own, sizeof own);
    for (size_t i = 0; i < sizeof built / sizeof *built; i++) {
        snprintf(moved, sizeof moved, "%s/%s", own, built[i]);
        if (is_sdk(moved) && realpath(moved, path))
            return;
    }
    snprintf(moved, sizeof moved, "%s/../%s", own, FANFOLD_SDK_BELOW_PREFIX);
    if (!*FANFOLD_SDK_BELOW_PREFIX || !is_sdk(moved) || !realpath(moved, path))
        snprintf(path, size, "%s", FANFOLD_SDK_INSTALLED);
}

/* The directory, and the whole of PYTHONPATH; the caller frees both. */
static void describe(char **ret_sdk, char **ret_python)
{
    char path[PATH_MAX + 64];
    find(path, sizeof path);
    const char *others = getenv("PYTHONPATH");
    *ret_sdk = allocate_text("FANFOLD_SDK=%s", path);
    *ret_python = others && *others ? allocate_text("PYTHONPATH=%s:%s", others, path)
                                    : allocate_text("PYTHONPATH=%s", path);
}

void sdk_path_announce(void)
{
    char *sdk, *python;
    describe(&sdk, &python);
    setenv("FANFOLD_SDK", strchr(sdk, '=') + 1, 1);
    setenv("PYTHONPATH", strchr(python, '=') + 1, 1);
    free(sdk);
    free(python);
}

static bool is_ours(const char *variable)
{
    return strncmp(variable, "FANFOLD_SDK=", 12) == 0 ||
           strncmp(variable, "PYTHONPATH=", 11) == 0;
}

char **sdk_path_environment(void)
{
    size_t count = 0, used = 2;
    while (environ[count])
        count++;
    char **environment = allocate((count + 3) * sizeof *environment);
    describe(&environment[0], &environment[1]); /* the first two are ours to free */
    for (size_t i = 0; i < count; i++)
        if (!is_ours(environ[i]))
            environment[used++] = environ[i];
    environment[used] = NULL;
    return environment;
}

void sdk_path_free(char **environment)
{
    free(environment[0]);
    free(environment[1]);
    free(environment);
}
