/* SPDX-License-Identifier: MIT */
/* Opens the runtime directory only where an endpoint is not given. */
#include "sink/endpoints.h"
#include "common/memory.h"
#include "common/process/runtime_dir.h"
#include <stdlib.h>

struct endpoints {
    struct runtime_dir *directory; /* NULL: both endpoints were given */
    const char *tasks;
    const char *results;
};

static int check(const char *endpoint, bool tcp, char *error, size_t error_size)
{
    return endpoint ? endpoint_check(endpoint, tcp, error, error_size) : 0;
}

/* A sink that binds in the directory must have it for itself. */
static int use_runtime_dir(struct endpoints *endpoints, const char *name, char *error,
                           size_t error_size)
{
    if (endpoints->tasks && endpoints->results)
        return 0;
    int result = runtime_dir_open(name, &endpoints->directory, error, error_size);
    if (result == 0 && !endpoints->results)
        result = runtime_dir_lock(endpoints->directory, "sink", error, error_size);
    if (result < 0)
        return result;
    if (!endpoints->tasks)
        endpoints->tasks = runtime_dir_endpoint(endpoints->directory, "tasks");
    if (!endpoints->results)
        endpoints->results = runtime_dir_endpoint(endpoints->directory, "results");
    return 0;
}

int endpoints_open(const struct common_options *options, bool tcp,
                   struct endpoints **ret_endpoints, char *error, size_t error_size)
{
    struct endpoints *endpoints = allocate_zeroed(1, sizeof *endpoints);
    int result = check(options->tasks, tcp, error, error_size);
    endpoints->tasks = options->tasks;
    endpoints->results = options->results;
    if (result == 0)
        result = check(options->results, tcp, error, error_size);
    if (result == 0)
        result = use_runtime_dir(endpoints, options->name, error, error_size);
    if (result < 0)
        endpoints_close(&endpoints);
    else
        *ret_endpoints = endpoints;
    return result;
}

void endpoints_close(struct endpoints **endpoints_p)
{
    struct endpoints *endpoints = *endpoints_p;
    if (!endpoints)
        return;
    runtime_dir_close(&endpoints->directory);
    free(endpoints);
    *endpoints_p = NULL;
}

const char *endpoints_tasks(const struct endpoints *endpoints)
{
    return endpoints->tasks;
}

const char *endpoints_results(const struct endpoints *endpoints)
{
    return endpoints->results;
}
