/* SPDX-License-Identifier: MIT */
/*
 * A loop over connections; placement.c decides which is made when. Reads the login file
 * again when it changes.
 *
 * The first signal makes the workers finish what they run, the second makes them hand
 * it back, the third ends it all.
 */
#include "deploy/ssh/ssh_workers.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/signals.h"
#include "common/random_id.h"
#include "deploy/ssh/connection.h"
#include "deploy/ssh/endpoint_file.h"
#include "deploy/ssh/host_report.h"
#include "deploy/ssh/login_source.h"
#include "deploy/ssh/placement.h"
#include "deploy/ssh/remote_command.h"
#include "deploy/ssh/self_copy.h"
#include "deploy/ssh/ssh_command.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define RUN_US   (SECOND_US / 5) /* at whether the run has ended */
#define WAIT_US  (SECOND_US / 50)
#define LATE_US  (SECOND_US / 2)
#define HURRY_US (5 * SECOND_US) /* for workers that are told to end at once */

struct ssh_host {
    struct connection *connection; /* NULL: none now */
    struct ssh_tunnel tunnel;
};

struct ssh_workers {
    const struct ssh_workers_config *config;
    struct login_list logins;
    struct ssh_host *hosts; /* one a login */
    size_t count;
    struct placement *placement;
    struct login_source source;
    struct login_list wanted; /* now, by a file that has changed; empty: it has not */
    char *endpoint;
    char *key;             /* NULL: links have none */
    struct self_copy copy; /* for hosts that have no worker */
    char token[64];
    int signals;
    unsigned signalled; /* times */
    int64_t hurry_us;   /* when the late are told to end; NEVER_US: not yet */
    int64_t kill_us;    /* when patience with workers ends; NEVER_US: it lasts */
    bool alive;         /* a task is done, and whoever wants to know was told */
    bool ended;         /* the run has */
    int refusal; /* the status with which a host's worker refused to work; 0: none
                    did */
    bool over;
};

/* ---- logins ---- */

static void add_hosts(struct ssh_workers *workers)
{
    for (; workers->count < workers->logins.count; workers->count++) {
        workers->hosts =
            reallocate(workers->hosts, workers->count + 1, sizeof *workers->hosts);
        workers->hosts[workers->count] = (struct ssh_host){.connection = NULL};
        placement_add(workers->placement);
    }
}

/* Who is not in the file any more, and was not named by -S. */
static void remove_hosts(struct ssh_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++) {
        if (login_list_has(&workers->wanted, workers->logins.items[i].text) ||
            placement_state(workers->placement, i) == PLACEMENT_REMOVED)
            continue;
        placement_remove(workers->placement, i);
        say("%s: no longer named; its worker leaves when it has finished what it runs",
            login_name(&workers->logins.items[i]));
        if (workers->hosts[i].connection)
            connection_leave(workers->hosts[i].connection);
    }
}

/* A host that is wanted again begins anew, when its worker has left. */
static void restore_hosts(struct ssh_workers *workers)
{
    for (size_t i = 0; workers->wanted.count > 0 && i < workers->count; i++)
        if (!workers->hosts[i].connection &&
            login_list_has(&workers->wanted, workers->logins.items[i].text))
            placement_restore(workers->placement, i);
}

static void look_at_file(struct ssh_workers *workers)
{
    struct login_list wanted = {NULL, 0};
    if (!login_source_look(&workers->source, &wanted))
        return;
    login_list_deinit(&workers->wanted);
    workers->wanted = wanted;
    login_list_merge(&workers->logins, &wanted);
    add_hosts(workers);
    remove_hosts(workers);
}

/* ---- starting ---- */

static char *make_script(struct ssh_workers *workers, size_t which, const char *copy)
{
    const struct ssh_workers_config *config = workers->config;
    const struct login *login = &workers->logins.items[which];
    struct ssh_host *host = &workers->hosts[which];
    bool tunnel = config->tunnel && *login->target;
    char *tasks = tunnel ? allocate_text("ipc://%s", host->tunnel.tasks)
                         : allocate_text("%s", workers->endpoint);
    char *results = tunnel ? allocate_text("ipc://%s", host->tunnel.results) : NULL;
    char *folder = allocate_text("%s", config->local_worker);
    struct remote_command command = {
        .token = workers->token,
        .endpoint = tasks,
        .results = results,
        .remove = {NULL},
        .remote_bin = *login->target ? config->remote_bin : NULL,
        .local_bin = dirname(folder),
        .copy_to = copy,
        .copy_size = workers->copy.size,
        .copy_system = workers->copy.system,
        .workdir = config->workdir,
        .options = config->options,
        .slots = login->slots,
        .local = *login->target == '\0',
        .keyed = workers->key && !tunnel,
        .command = config->command,
    };
    unsigned removed = 0;
    if (tunnel) {
        command.remove[removed++] = host->tunnel.tasks;
        command.remove[removed++] = host->tunnel.results;
    }
    if (copy)
        command.remove[removed++] = copy;
    char *script = remote_command_text(&command);
    free(folder);
    free(results);
    free(tasks);
    return script;
}

static void start(struct ssh_workers *workers, size_t which, int64_t now_us)
{
    struct ssh_host *host = &workers->hosts[which];
    const struct login *login = &workers->logins.items[which];
    bool tunnel = workers->config->tunnel && *login->target;
    struct id id = id_random();
    char text[ID_TEXT_SIZE], copy[64];
    id_text(&id, text);
    snprintf(host->tunnel.tasks, sizeof host->tunnel.tasks, "/tmp/fanfold-%.16s.t",
             text);
    snprintf(host->tunnel.results, sizeof host->tunnel.results, "/tmp/fanfold-%.16s.r",
             text);
    snprintf(copy, sizeof copy, "/tmp/fanfold-%.16s.self", text);
    const char *copy_to = workers->copy.fd > 0 ? copy : NULL;
    char *script = make_script(workers, which, copy_to);
    char *line =
        ssh_command_text(workers->config, login, script, tunnel ? &host->tunnel : NULL);
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, line, NULL};
    host->connection = connection_new(
        &(struct connection_start){
            .login = login,
            .token = workers->token,
            .argv = argv,
            .key = tunnel ? NULL : workers->key,
            .copy = copy_to ? &workers->copy : NULL,
        },
        now_us);
    free(line);
    free(script);
    log_event(LOG_LEVEL_INFO, "ssh_start", "host=%s", login->text);
    if (!host->connection) {
        say("%s: cannot start ssh: %s", login_name(login), strerror(errno));
        placement_on_end(workers->placement, which, PLACEMENT_LOGIN_FAILED, now_us);
    }
}

/* ---- what comes of it ---- */

/* With a login file, a host may still be named. */
static bool some_left(const struct ssh_workers *workers)
{
    return workers->config->login_file || !placement_is_over(workers->placement);
}

static void tell(struct ssh_workers *workers, size_t which,
                 enum placement_notice notice)
{
    host_report_say(
        &(struct host_report){.login = &workers->logins.items[which],
                              .notice = notice,
                              .connection = workers->hosts[which].connection,
                              .some_left = some_left(workers)},
        workers->config);
}

static void tell_alive(struct ssh_workers *workers)
{
    if (!workers->alive && workers->config->alive_fd >= 0 &&
        write(workers->config->alive_fd, "", 1) < 0)
        log_event(LOG_LEVEL_DEBUG, "alive_unsaid", "error=\"%s\"", strerror(errno));
    workers->alive = true;
}

static void read_host(struct ssh_workers *workers, size_t which, int64_t now_us)
{
    struct ssh_host *host = &workers->hosts[which];
    struct connection_news news = connection_read(host->connection, now_us);
    if (news.through)
        tell(workers, which, placement_on_through(workers->placement, which, now_us));
    if (news.alive)
        tell_alive(workers);
    if (!news.ended)
        return;
    log_event(LOG_LEVEL_INFO, "ssh_end", "host=%s why=\"%s\"",
              workers->logins.items[which].text, connection_reason(host->connection));
    enum placement_notice notice =
        placement_on_end(workers->placement, which, news.end, now_us);
    if (!workers->refusal)
        workers->refusal = news.refusal;
    if (!workers->signalled && !workers->ended && notice != PLACEMENT_NOTICE_NONE)
        tell(workers, which, notice);
    else
        connection_say_last(host->connection);
    connection_destroy(&host->connection);
}

/* ---- signals ---- */

static void each(struct ssh_workers *workers, void (*act)(struct connection *))
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->hosts[i].connection)
            act(workers->hosts[i].connection);
}

static void read_signals(struct ssh_workers *workers, int64_t now_us)
{
    while (signals_next(workers->signals) > 0) {
        placement_stop(workers->placement);
        switch (++workers->signalled) {
        case 1:
            each(workers, connection_leave);
            break;
        case 2:
            each(workers, connection_hurry);
            workers->kill_us = now_us + HURRY_US;
            break;
        default:
            workers->over = true;
        }
    }
    if (now_us >= workers->kill_us)
        workers->over = true;
}

/* Most workers hear of the end by themselves; one that comes too late, or never got
 * through to the run, finds nobody. */
static void hurry_the_late(struct ssh_workers *workers, int64_t now_us)
{
    if (now_us < workers->hurry_us)
        return;
    workers->hurry_us = NEVER_US;
    each(workers, connection_hurry);
}

/* The ventilator takes its file away when the run ends. */
static void look_at_run(struct ssh_workers *workers, int64_t now_us)
{
    hurry_the_late(workers, now_us);
    if (workers->ended || access(workers->config->endpoint_file, F_OK) == 0 ||
        errno != ENOENT)
        return;
    workers->ended = true;
    placement_stop(workers->placement);
    each(workers, connection_leave);
    workers->hurry_us = now_us + LATE_US;
    if (workers->kill_us > now_us + HURRY_US)
        workers->kill_us = now_us + HURRY_US;
}

/* ---- the loop ---- */

static int64_t settle(struct ssh_workers *workers, int64_t now_us)
{
    int64_t due_us = workers->kill_us;
    size_t host;
    look_at_file(workers);
    restore_hosts(workers);
    look_at_run(workers, now_us);
    if (now_us + RUN_US < due_us)
        due_us = now_us + RUN_US;
    while (placement_next(workers->placement, now_us, &host, &due_us))
        start(workers, host, now_us);
    return due_us;
}

static void wait_for_events(struct ssh_workers *workers, int64_t now_us, int64_t due_us)
{
    struct pollfd *items =
        allocate_zeroed(2 + workers->count * CONNECTION_FDS, sizeof *items);
    nfds_t count = 0;
    items[count++] = (struct pollfd){.fd = workers->signals, .events = POLLIN};
    items[count++] =
        (struct pollfd){.fd = login_source_fd(&workers->source), .events = POLLIN};
    for (size_t i = 0; i < workers->count; i++) {
        const struct connection *connection = workers->hosts[i].connection;
        if (!connection)
            continue;
        unsigned added = connection_poll(connection, items + count);
        count += added;
        if (added < 2 && now_us + WAIT_US < due_us)
            due_us = now_us + WAIT_US;
        if (connection_deadline(connection) < due_us)
            due_us = connection_deadline(connection);
    }
    poll(items, count, clock_poll_ms(now_us, due_us, -1));
    free(items);
}

static bool is_over(const struct ssh_workers *workers)
{
    bool some_done = placement_count(workers->placement, PLACEMENT_DONE) > 0;
    return workers->over || (placement_is_over(workers->placement) &&
                             (!workers->config->login_file || some_done ||
                              workers->signalled || workers->ended));
}

static void loop(struct ssh_workers *workers)
{
    while (!is_over(workers)) {
        int64_t now_us = clock_now_us();
        int64_t due_us = settle(workers, now_us);
        if (is_over(workers))
            return;
        wait_for_events(workers, now_us, due_us);
        now_us = clock_now_us();
        read_signals(workers, now_us);
        for (size_t i = 0; i < workers->count; i++)
            if (workers->hosts[i].connection)
                read_host(workers, i, now_us);
    }
}

/* A command that no host has is as one that this host does not have. */
static int status_of(const struct ssh_workers *workers)
{
    if (workers->signalled || workers->ended ||
        placement_count(workers->placement, PLACEMENT_DONE) > 0)
        return STATUS_OK;
    say("no host is left that could run a worker");
    return workers->refusal ? workers->refusal : STATUS_PEER;
}

static void end(struct ssh_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        connection_destroy(&workers->hosts[i].connection);
    placement_destroy(&workers->placement);
    login_source_close(&workers->source);
    login_list_deinit(&workers->wanted);
    login_list_deinit(&workers->logins);
    if (workers->key)
        explicit_bzero(workers->key, strlen(workers->key));
    free(workers->key);
    self_copy_deinit(&workers->copy);
    free(workers->endpoint);
    free(workers->hosts);
}

bool ssh_workers_check(const struct ssh_workers_config *config)
{
    struct login_list list = {NULL, 0};
    struct login_source source;
    bool good = login_source_open(&source, config, &list);
    if (good && list.count == 0 && !config->login_file) {
        say("-S: '%s': expected at least one host",
            config->login_count ? config->logins[0] : "");
        good = false;
    }
    login_list_deinit(&list);
    return good;
}

int ssh_workers_run(const struct ssh_workers_config *config)
{
    struct id id = id_random();
    char text[ID_TEXT_SIZE];
    struct ssh_workers workers = {
        .config = config,
        .hurry_us = NEVER_US,
        .kill_us = NEVER_US,
        .placement = placement_new((uint64_t)id.bytes[0] << 8 | id.bytes[1]),
    };
    int status = STATUS_USAGE;
    prctl(PR_SET_NAME, "fanfold-ssh");
    if (config->alive_fd >= 0)
        fcntl(config->alive_fd, F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    id_text(&id, text);
    snprintf(workers.token, sizeof workers.token, "fanfold-%.24s", text);
    workers.signals = signals_open(SIGNALS_FROM_LAUNCHER);
    if (workers.signals < 0) {
        say("cannot wait for signals: %s", strerror(-workers.signals));
        status = STATUS_IO;
    } else if (login_source_open(&workers.source, config, &workers.logins)) {
        add_hosts(&workers);
        status = endpoint_file_await(config, workers.signals, &workers.endpoint,
                                     &workers.key);
        if (config->copy_self && status == STATUS_OK &&
            !self_copy_make(&workers.copy, config->local_worker))
            status = STATUS_IO;
        if (status == STATUS_OK && !login_source_watch(&workers.source))
            status = STATUS_IO;
        if (status == STATUS_OK && workers.endpoint) {
            loop(&workers);
            status = status_of(&workers);
        }
    }
    end(&workers);
    return status;
}
