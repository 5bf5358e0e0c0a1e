/* SPDX-License-Identifier: MIT */
/* Options to endpoints; the place is opened only where one is not given. */
#include "sink/meeting.h"
#include "common/memory.h"
#include "common/place.h"
#include <stdlib.h>

struct meeting {
    struct place *place; /* NULL: both were given */
    const char *tasks;
    const char *results;
};

static int check(const struct common_options *options, const char *endpoint,
                 char *error, size_t error_size)
{
    if (endpoint == NULL)
        return 0;
    return endpoint_check(endpoint, options->insecure, error, error_size);
}

/* Only who binds in the place has to have it for itself. */
static int use_place(struct meeting *meeting, const char *name, char *error,
                     size_t error_size)
{
    int result;

    if (meeting->tasks != NULL && meeting->results != NULL)
        return 0;
    result = place_open(name, &meeting->place, error, error_size);
    if (result == 0 && meeting->results == NULL)
        result = place_lock(meeting->place, "sink", error, error_size);
    if (result < 0)
        return result;
    if (meeting->tasks == NULL)
        meeting->tasks = place_endpoint(meeting->place, "tasks");
    if (meeting->results == NULL)
        meeting->results = place_endpoint(meeting->place, "results");
    return 0;
}

int meeting_open(const struct common_options *options, struct meeting **ret_meeting,
                 char *error, size_t error_size)
{
    struct meeting *meeting = allocate_zeroed(1, sizeof *meeting);
    int result = check(options, options->tasks, error, error_size);

    meeting->tasks = options->tasks;
    meeting->results = options->results;
    if (result == 0)
        result = check(options, options->results, error, error_size);
    if (result == 0)
        result = use_place(meeting, options->name, error, error_size);
    if (result < 0)
        meeting_close(&meeting);
    else
        *ret_meeting = meeting;
    return result;
}

void meeting_close(struct meeting **meeting_p)
{
    struct meeting *meeting = *meeting_p;

    if (meeting == NULL)
        return;
    place_close(&meeting->place);
    free(meeting);
    *meeting_p = NULL;
}

const char *meeting_tasks(const struct meeting *meeting)
{
    return meeting->tasks;
}

const char *meeting_results(const struct meeting *meeting)
{
    return meeting->results;
}
