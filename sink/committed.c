/* SPDX-License-Identifier: MIT */
#include "sink/committed.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/files/derived_path.h"
#include "common/protocol/input_mark.h"
#include "common/protocol/mark.h"
#include "sink/journal/journal.h"
#include "sink/output/output_lock.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_COMMIT_US (10 * SECOND_US)

static int print(uint64_t seq, const struct input_mark *place)
{
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", seq, place->record, place->bytes);
    if (fflush(stdout) == 0)
        return STATUS_OK;
    say("cannot write: %s", strerror(errno));
    return errno == EPIPE ? STATUS_OUTPUT_CLOSED : STATUS_IO;
}

static int print_journal(const struct journal *journal, const char *path)
{
    struct input_mark place = {.offset = 0};
    const struct position *position = &journal->position;
    struct slice mark =
        mark_content((struct slice){position->mark, position->mark_size});
    if (mark.size == 0 || input_mark_read(mark, &place))
        return print(position->next, &place);
    say("%s: the run began with another version of fanfold", path);
    return STATUS_IO;
}

/* As --resume has it: an output that is not there, or empty, is one to be begun. */
static int print_beginning(const char *output, const char *path)
{
    struct stat status;
    struct input_mark place = {.offset = 0};
    if (stat(output, &status) < 0 || status.st_size == 0)
        return print(0, &place);
    say("%s has no journal, %s: it is complete, or no such run wrote it", output, path);
    return STATUS_USAGE;
}

/* A run that was killed may be at its last commit; another one may go on. */
static void wait_for_run(const char *output)
{
    char error[1024];
    struct stat status;
    int fd = open(output, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        output_lock(fd, output, LAST_COMMIT_US, error, sizeof error) == -EBUSY)
        say("%s: it may commit more", error);
    close(fd);
}

int committed_print(const struct sink_options *options)
{
    char error[1024];
    struct journal journal;
    if (!options->output) {
        say("--committed needs -o FILE: standard output has no journal");
        return STATUS_USAGE;
    }
    wait_for_run(options->output);
    char *path = journal_path(options->output);
    int result = journal_read(path, &journal, error, sizeof error), status;
    if (result == 0)
        status = print_journal(&journal, path);
    else if (result == -ENOENT)
        status = print_beginning(options->output, path);
    else {
        say("%s", error);
        status = result == -EINVAL ? STATUS_USAGE : STATUS_IO;
    }
    free(path);
    return status;
}
