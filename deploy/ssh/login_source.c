/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/login_source.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US SECOND_US

enum { FILE_MAX_BYTES = 1 << 20 };

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

static bool add_file(struct login_list *list, const char *path)
{
    char wrong[LOGIN_TEXT_MAX];
    char *text = text_file_read(path, FILE_MAX_BYTES);
    if (!text) {
        say("--sshloginfile: cannot read %s: %s", path, strerror(errno));
        return false;
    }
    bool good = login_list_add_lines(list, text, wrong);
    if (!good)
        say("--sshloginfile %s: '%s': expected [SLOTS/][USER@]HOST[:PORT]", path,
            wrong);
    free(text);
    return good;
}

static bool read_all(const struct ssh_workers_config *config, struct login_list *list)
{
    char wrong[LOGIN_TEXT_MAX];
    for (size_t i = 0; i < config->login_count; i++)
        if (!login_list_add(list, config->logins[i], wrong)) {
            say("-S: '%s': expected [SLOTS/][USER@]HOST[:PORT], or : for this host",
                wrong);
            return false;
        }
    return !config->login_file || add_file(list, config->login_file);
}

bool login_source_open(struct login_source *source,
                       const struct ssh_workers_config *config, struct login_list *list)
{
    *source = (struct login_source){.config = config};
    if (config->login_file && stat(config->login_file, &source->stamp) < 0)
        source->stamp = (struct stat){.st_ino = 0};
    return read_all(config, list);
}

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

bool login_source_look(struct login_source *source, int64_t now_us,
                       struct login_list *ret_wanted)
{
    const char *path = source->config->login_file;
    struct stat stamp;
    if (!path || now_us < source->look_us)
        return false;
    source->look_us = now_us + LOOK_US;
    if (stat(path, &stamp) < 0 || is_same(&stamp, &source->stamp))
        return false;
    bool settled = is_same(&stamp, &source->seen);
    source->seen = stamp;
    if (!settled)
        return false;
    source->stamp = stamp;
    *ret_wanted = (struct login_list){NULL, 0};
    bool good = read_all(source->config, ret_wanted);
    if (!good)
        login_list_deinit(ret_wanted);
    return good;
}
