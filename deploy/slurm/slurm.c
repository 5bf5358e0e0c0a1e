/* SPDX-License-Identifier: MIT */
/*
 * One command of Slurm at a time: sbatch, then scontrol now and then, at last scancel.
 * What is decided in between is done when the command has ended.
 */
#include "deploy/slurm/slurm.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "deploy/slurm/command.h"
#include "deploy/slurm/job_log.h"
#include "deploy/slurm/job_script.h"
#include "deploy/slurm/slurm_jobs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_US       (5 * SECOND_US)
#define LOOK_LEAST_US (SECOND_US / 4)

/* X(NAME, what may follow) */
#define SLURM_PHASES(X)                                        \
    X(IDLE, BIT(WAITS) | BIT(ENDED))                           \
    X(WAITS, BIT(SUBMITS) | BIT(ENDED)) /* for the endpoint */ \
    X(SUBMITS, BIT(WATCHES) | BIT(CANCELS) | BIT(ENDED))       \
    X(WATCHES, BIT(WAITS) | BIT(CANCELS) | BIT(ENDED))         \
    X(CANCELS, BIT(ENDED))                                     \
    X(ENDED, 0)

enum slurm_phase {
#define X(name, next) PHASE_##name,
    SLURM_PHASES(X)
#undef X
};

struct slurm {
    const struct slurm_config *config;
    enum slurm_phase phase;
    bool cancel_due; /* once sbatch has said which job it is */
    bool began_due;  /* a first job runs, and nobody has asked yet */
    bool began;      /* one has */
    bool ended_due;  /* nobody has asked yet */
    bool renews;     /* a job of this array has come to the end of its time */
    bool mute;       /* Slurm does not answer, and the person knows */
    int status;      /* valid once it has ended */
    int64_t look_us; /* the next time */
    uint32_t array;  /* the job; 0: none yet */
    int socket;      /* to the ventilator */
    int theirs;      /* its end, until it has that */
    char line[700];  /* of the ventilator's, so far */
    size_t used;
    char *tasks; /* where workers join; NULL: not known yet */
    char *directory;
    struct command command;
    struct slurm_jobs jobs;
};

static void set_phase(struct slurm *slurm, enum slurm_phase phase)
{
#define BIT(name)     (1U << PHASE_##name)
#define X(name, next) [PHASE_##name] = (next),
    static const unsigned next[] = {SLURM_PHASES(X)};
#undef X
#undef BIT
    if (!(next[slurm->phase] & 1U << phase))
        abort();
    slurm->phase = phase;
}

static void finish(struct slurm *slurm, int status)
{
    if (slurm->phase == PHASE_ENDED)
        return;
    set_phase(slurm, PHASE_ENDED);
    slurm->status = status;
    slurm->ended_due = true;
}

struct slurm *slurm_new(const struct slurm_config *config)
{
    int ends[2];
    char *directory = job_directory_make();
    if (!directory) {
        say("cannot make a directory here for the jobs of Slurm: %s", strerror(errno));
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        say("cannot make a socket: %s", strerror(errno));
        job_directory_remove(directory);
        free(directory);
        return NULL;
    }
    struct slurm *slurm = allocate_zeroed(1, sizeof *slurm);
    slurm->config = config;
    slurm->directory = directory;
    slurm->socket = ends[0];
    slurm->theirs = ends[1];
    slurm->command = COMMAND_NONE;
    return slurm;
}

void slurm_close(struct slurm **slurm_p)
{
    struct slurm *slurm = *slurm_p;
    if (!slurm)
        return;
    command_end(&slurm->command);
    fd_close(&slurm->socket);
    fd_close(&slurm->theirs);
    job_directory_remove(slurm->directory);
    slurm_jobs_deinit(&slurm->jobs);
    free(slurm->tasks);
    free(slurm->directory);
    free(slurm);
    *slurm_p = NULL;
}

int slurm_ventilator_fd(const struct slurm *slurm)
{
    return slurm->theirs;
}

void slurm_ventilator_started(struct slurm *slurm)
{
    fd_close(&slurm->theirs);
}

void slurm_start(struct slurm *slurm)
{
    set_phase(slurm, PHASE_WAITS);
}

void slurm_cancel(struct slurm *slurm)
{
    slurm->cancel_due = true;
}

void slurm_kill(struct slurm *slurm)
{
    command_end(&slurm->command);
    finish(slurm, STATUS_OK);
}

/* ---- the ventilator ---- */

static void take_line(struct slurm *slurm)
{
    static const char tasks[] = "tasks ";
    if (strncmp(slurm->line, tasks, strlen(tasks)) == 0 && !slurm->tasks)
        slurm->tasks = allocate_text("%s", slurm->line + strlen(tasks));
}

static void hear_ventilator(struct slurm *slurm)
{
    char bytes[512];
    ssize_t size =
        slurm->socket < 0 ? 0 : recv(slurm->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size == 0)
        fd_close(&slurm->socket);
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] != '\n' && slurm->used < sizeof slurm->line - 1) {
            slurm->line[slurm->used++] = bytes[i];
        } else if (bytes[i] == '\n') {
            slurm->line[slurm->used] = '\0';
            slurm->used = 0;
            take_line(slurm);
        }
    }
}

static void excuse(const struct slurm *slurm, const struct slurm_departure *departure)
{
    char line[64];
    int size = snprintf(line, sizeof line, "left slurm/%lu.%lu\n",
                        (unsigned long)departure->job,
                        (unsigned long)departure->restarts);
    if (slurm->socket >= 0)
        send(slurm->socket, line, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- departures ---- */

static void tell(struct slurm *slurm, struct slurm_departure *departure)
{
    char quoted[1200], code[64] = "";
    char *log = job_log_tail(slurm->directory, departure->array, departure->task);
    if (departure->end == SLURM_KILLED && job_log_says_memory(log))
        departure->end = SLURM_MEMORY;
    if (departure->end == SLURM_REQUEUED && job_log_says_preempted(log))
        departure->end = SLURM_PREEMPTED;
    slurm->renews |= slurm_end_renews(departure);
    if (slurm_end_excuses(departure->end))
        excuse(slurm, departure);
    if (slurm->cancel_due) { /* the run is over */
        free(log);
        return;
    }
    if (departure->end == SLURM_FAILED)
        snprintf(code, sizeof code, " with status %d", departure->code);
    if (departure->end == SLURM_KILLED)
        snprintf(code, sizeof code, " %d (%s)", departure->code,
                 strsignal(departure->code));
    const char *said = departure->end == SLURM_FAILED ? job_log_last_line(log) : NULL;
    say("the worker of Slurm's job %lu_%lu on %s has left: the job %s%s%s%s",
        (unsigned long)departure->array, (unsigned long)departure->task,
        departure->node, slurm_end_text(departure->end), code,
        said ? "; it said: " : "",
        said ? log_quote(quoted, sizeof quoted, (const uint8_t *)said, strlen(said))
             : "");
    free(log);
}

/* ---- commands ---- */

static void run(struct slurm *slurm, const char *const *argv, int64_t now_us)
{
    int result = command_start(&slurm->command, argv, slurm->config, now_us);
    if (result == 0)
        return;
    say("cannot start %s: %s", argv[0], strerror(-result));
    finish(slurm, STATUS_IO);
}

static void submit(struct slurm *slurm, int64_t now_us)
{
    const struct slurm_config *config = slurm->config;
    int result = job_script_write(slurm->directory, config, slurm->tasks);
    set_phase(slurm, PHASE_SUBMITS);
    if (result < 0) {
        say("cannot write in %s: %s", slurm->directory, strerror(-result));
        finish(slurm, STATUS_IO);
        return;
    }
    char *script = allocate_text("%s/worker.sh", slurm->directory);
    char *array = allocate_text("--array=1-%lu", (unsigned long)config->count);
    char *output = allocate_text("--output=%s/%%A_%%a.log", slurm->directory);
    char *line = allocate_text("exec sbatch --parsable --job-name=fanfold --requeue "
                               "--open-mode=append \"$1\" \"$2\" %s \"$3\"",
                               config->options ? config->options : "");
    const char *argv[] = {"sh", "-c", line, "sh", array, output, script, NULL};
    run(slurm, argv, now_us);
    free(line);
    free(output);
    free(array);
    free(script);
}

/* "12" or "12;cluster", behind what sbatch may warn of. */
static uint32_t read_array(const char *text)
{
    uint32_t array = 0;
    while (*text) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        if (end > text && (*end == '\n' || *end == ';' || !*end))
            array = (uint32_t)number;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return array;
}

static const char *shown(char *text, char *quoted, size_t size)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    return log_quote(quoted, size, (const uint8_t *)text, length);
}

static void on_submitted(struct slurm *slurm)
{
    char quoted[2000];
    slurm->array = slurm->command.status == 0 ? read_array(slurm->command.text) : 0;
    if (!slurm->array) {
        say("cannot submit workers to Slurm: sbatch said: %s",
            shown(slurm->command.text, quoted, sizeof quoted));
        finish(slurm, STATUS_IO);
        return;
    }
    set_phase(slurm, PHASE_WATCHES);
    if (!slurm->config->quiet)
        say("submitted %lu worker%s to Slurm as job %lu",
            (unsigned long)slurm->config->count, slurm->config->count == 1 ? "" : "s",
            (unsigned long)slurm->array);
}

static void look(struct slurm *slurm, int64_t now_us)
{
    char *array = allocate_text("%lu", (unsigned long)slurm->array);
    const char *argv[] = {"scontrol", "-o", "show", "job", array, NULL};
    int64_t pause_us = slurm->config->liveness_us / 4;
    if (pause_us > LOOK_US)
        pause_us = LOOK_US;
    slurm->look_us = now_us + (pause_us > LOOK_LEAST_US ? pause_us : LOOK_LEAST_US);
    run(slurm, argv, now_us);
    free(array);
}

/* The next array takes the place of one whose walltime has ended; what somebody has
 * cancelled, or what fails, is not begun again. */
static void on_all_over(struct slurm *slurm)
{
    if (!slurm->renews) {
        say("all jobs of Slurm have ended, and no worker is left");
        finish(slurm, STATUS_IO);
        return;
    }
    slurm->renews = false;
    slurm_jobs_deinit(&slurm->jobs);
    set_phase(slurm, PHASE_WAITS);
}

static void on_looked(struct slurm *slurm)
{
    struct slurm_departure departure;
    char quoted[2000];
    bool mute = slurm->command.status != 0;
    if (mute && !slurm->mute)
        say("Slurm does not tell of job %lu: %s", (unsigned long)slurm->array,
            shown(slurm->command.text, quoted, sizeof quoted));
    if (mute && slurm->mute && strstr(slurm->command.text, "Invalid job id")) {
        slurm->renews |= slurm->jobs.running > 0; /* Slurm has forgotten them */
        on_all_over(slurm);
        return;
    }
    slurm->mute = mute;
    if (mute)
        return;
    slurm_jobs_look(&slurm->jobs, slurm->command.text);
    while (slurm_jobs_next(&slurm->jobs, &departure))
        tell(slurm, &departure);
    slurm->began_due |= slurm->jobs.running > 0 && !slurm->began;
    slurm->began |= slurm->jobs.running > 0;
    if (slurm_jobs_are_over(&slurm->jobs) && !slurm->cancel_due)
        on_all_over(slurm);
}

static void cancel(struct slurm *slurm, int64_t now_us)
{
    if (slurm->phase < PHASE_WATCHES) {
        finish(slurm, STATUS_OK);
        return;
    }
    char *array = allocate_text("%lu", (unsigned long)slurm->array);
    const char *argv[] = {"scancel", "-Q", array, NULL};
    set_phase(slurm, PHASE_CANCELS);
    run(slurm, argv, now_us);
    free(array);
}

static void on_cancelled(struct slurm *slurm)
{
    char quoted[2000];
    if (slurm->command.status != 0)
        say("cannot cancel Slurm's job %lu: %s: scancel it yourself",
            (unsigned long)slurm->array,
            shown(slurm->command.text, quoted, sizeof quoted));
    finish(slurm, STATUS_OK);
}

static void on_command(struct slurm *slurm)
{
    if (slurm->phase == PHASE_SUBMITS)
        on_submitted(slurm);
    else if (slurm->phase == PHASE_WATCHES)
        on_looked(slurm);
    else if (slurm->phase == PHASE_CANCELS)
        on_cancelled(slurm);
}

/* ---- the loop ---- */

nfds_t slurm_poll(const struct slurm *slurm, struct pollfd *items)
{
    items[0] = (struct pollfd){.fd = slurm->socket, .events = POLLIN};
    items[1] = (struct pollfd){.fd = slurm->command.out, .events = POLLIN};
    return SLURM_POLL_MAX;
}

void slurm_tick(struct slurm *slurm, int64_t now_us)
{
    hear_ventilator(slurm);
    if (command_ended(&slurm->command, now_us))
        on_command(slurm);
    if (slurm->phase == PHASE_ENDED || slurm->command.pid)
        return;
    if (slurm->cancel_due)
        cancel(slurm, now_us);
    else if (slurm->phase == PHASE_WAITS && slurm->tasks)
        submit(slurm, now_us);
    else if (slurm->phase == PHASE_WATCHES && now_us >= slurm->look_us)
        look(slurm, now_us);
}

int64_t slurm_due_us(const struct slurm *slurm)
{
    if (slurm->command.pid)
        return slurm->command.limit_us;
    if (slurm->phase == PHASE_ENDED)
        return slurm->ended_due ? 0 : NEVER_US;
    if (slurm->cancel_due || (slurm->phase == PHASE_WAITS && slurm->tasks))
        return 0;
    return slurm->phase == PHASE_WATCHES ? slurm->look_us : NEVER_US;
}

bool slurm_began(struct slurm *slurm)
{
    bool due = slurm->began_due;
    slurm->began_due = false;
    return due;
}

bool slurm_ended(struct slurm *slurm, int *ret_status)
{
    if (!slurm->ended_due)
        return false;
    slurm->ended_due = false;
    *ret_status = slurm->status;
    return true;
}
