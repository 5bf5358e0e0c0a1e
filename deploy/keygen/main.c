/* SPDX-License-Identifier: MIT */
/* fanfold-keygen: makes, adds and revokes the keys that --keys takes. */
#include "common/exit_status.h"
#include "common/keys/key_directory.h"
#include "common/log.h"
#include "common/options.h"
#include "common/process/standard_fds.h"
#include <errno.h>

struct request {
    const char *directory;
    const char *worker; /* NULL: not asked for */
    const char *revoke; /* likewise */
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct request *request = state->input;
    switch (key) {
    case 'w':
        request->worker = value;
        return 0;
    case 'r':
        request->revoke = value;
        return 0;
    case ARGP_KEY_ARG:
        if (request->directory)
            argp_error(state, "'%s': expected one directory", value);
        request->directory = value;
        return 0;
    case ARGP_KEY_END:
        if (!request->directory)
            argp_error(state, "expected a directory for the keys");
        if (request->worker && request->revoke)
            argp_error(state, "expected --worker or --revoke, and not both");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int do_request(const struct request *request, char *error, size_t error_size)
{
    if (request->revoke)
        return key_directory_revoke(request->directory, request->revoke, error,
                                    error_size);
    if (request->worker)
        return key_directory_add(request->directory, request->worker, error,
                                 error_size);
    return key_directory_make(request->directory, error, error_size);
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"worker", 'w', "NAME", 0, "Add the key of one more worker, worker-NAME", 0},
        {"revoke", 'r', "NAME", 0,
         "Revoke the key NAME, such as worker or worker-NAME; running programs notice",
         0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "DIR",
        .doc = "Makes the keys of a ventilator, a sink and a worker in DIR, for --keys "
               "DIR.\vGive a worker on another host the file DIR/worker.key_secret, "
               "which is all that it needs: fanfold-worker --keys worker.key_secret. "
               "Several workers may share one key.",
    };
    struct request request = {0};
    char error[4096] = "";
    int rest = argc;
    log_init("fanfold-keygen", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    options_parse(&argp, argc, argv, &rest, &request);
    int result = do_request(&request, error, sizeof error);
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL || result == -EEXIST || result == -EPERM ? STATUS_USAGE
                                                                      : STATUS_IO;
}
