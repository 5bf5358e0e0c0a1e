/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/login_source.h"

#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 1 << 20,
    PIECE_BYTES = 32768,
    LOOK_MS = 1000, /* between two */
    STOP_MS = 500,  /* for a helper that does not wait for a file system */
};

char *text_file_read(const char *path, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = allocate(max + 1);
    size_t filled = 0;
    ssize_t size = 1;
    while (filled < max && (size = read(fd, text + filled, max - filled)) > 0)
        filled += (size_t)size;
    int saved_errno = errno;
    close(fd);
    text[filled] = '\0';
    if (size < 0) {
        free(text);
        text = NULL;
    }
    errno = saved_errno;
    return text;
}

static bool add_text(struct login_list *list, const char *path, const char *text)
{
    char wrong[LOGIN_TEXT_MAX];
    bool good = login_list_add_lines(list, text, wrong);
    if (!good)
        say("--sshloginfile %s: '%s': expected [SLOTS/][USER@]HOST[:PORT]", path,
            wrong);
    return good;
}

static bool add_file(struct login_list *list, const char *path)
{
    char *text = text_file_read(path, FILE_MAX_BYTES);
    if (!text)
        say("--sshloginfile: cannot read %s: %s", path, strerror(errno));
    bool good = text && add_text(list, path, text);
    free(text);
    return good;
}

static bool add_options(const struct ssh_workers_config *config,
                        struct login_list *list)
{
    char wrong[LOGIN_TEXT_MAX];
    for (size_t i = 0; i < config->login_count; i++)
        if (!login_list_add(list, config->logins[i], wrong)) {
            say("-S: '%s': expected [SLOTS/][USER@]HOST[:PORT], or : for this host",
                wrong);
            return false;
        }
    return true;
}

bool login_source_open(struct login_source *source,
                       const struct ssh_workers_config *config, struct login_list *list)
{
    *source = (struct login_source){.config = config};
    if (config->login_file && stat(config->login_file, &source->stamp) < 0)
        source->stamp = (struct stat){.st_ino = 0};
    return add_options(config, list) &&
           (!config->login_file || add_file(list, config->login_file));
}

/* ---- in the helper ---- */

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* The text in pieces, and a NUL behind it. */
static void send_text(int socket, const char *text)
{
    size_t size = strlen(text) + 1;
    while (size > 0) {
        size_t piece = size < PIECE_BYTES ? size : PIECE_BYTES;
        if (helper_send(socket, text, piece, 0) != 0)
            return;
        text += piece;
        size -= piece;
    }
}

/* Whoever writes it may not be ready: it must be the same twice. */
static void watch(int socket, int kept, void *context)
{
    struct login_source *source = context;
    struct stat stamp, seen = source->stamp;
    struct pollfd program = {.fd = socket, .events = POLLIN};
    (void)kept;
    while (poll(&program, 1, LOOK_MS) <= 0) {
        if (stat(source->config->login_file, &stamp) < 0 ||
            is_same(&stamp, &source->stamp))
            continue;
        bool settled = is_same(&stamp, &seen);
        char *text =
            settled ? text_file_read(source->config->login_file, FILE_MAX_BYTES) : NULL;
        seen = stamp;
        if (settled)
            source->stamp = stamp;
        if (text)
            send_text(socket, text);
        free(text);
    }
}

/* ---- beside it ---- */

bool login_source_watch(struct login_source *source)
{
    if (!source->config->login_file)
        return true;
    int result = helper_process_start(
        &(struct helper_task){
            .name = "fanfold-hosts", .work = watch, .context = source, .kept = -1},
        &source->helper);
    if (result < 0)
        say("cannot start a process: %s", strerror(-result));
    return result == 0;
}

int login_source_fd(const struct login_source *source)
{
    return source->helper.pid ? source->helper.socket : -1;
}

/* True: the text is whole. */
static bool take_pieces(struct login_source *source)
{
    char piece[PIECE_BYTES];
    ssize_t size;
    while ((size = helper_receive(source->helper.socket, piece, sizeof piece,
                                  MSG_DONTWAIT)) > 0) {
        source->text = reallocate(source->text, source->size + (size_t)size, 1);
        memcpy(source->text + source->size, piece, (size_t)size);
        source->size += (size_t)size;
        if (piece[size - 1] == '\0')
            return true;
    }
    if (size != -EAGAIN)
        helper_process_stop(&source->helper, STOP_MS);
    return false;
}

bool login_source_look(struct login_source *source, struct login_list *ret_wanted)
{
    if (!source->helper.pid || !take_pieces(source))
        return false;
    *ret_wanted = (struct login_list){NULL, 0};
    bool good = add_options(source->config, ret_wanted) &&
                add_text(ret_wanted, source->config->login_file, source->text);
    if (!good)
        login_list_deinit(ret_wanted);
    free(source->text);
    source->text = NULL;
    source->size = 0;
    return good;
}

void login_source_close(struct login_source *source)
{
    helper_process_stop(&source->helper, STOP_MS);
    free(source->text);
    source->text = NULL;
}
