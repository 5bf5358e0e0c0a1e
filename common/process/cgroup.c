/* SPDX-License-Identifier: MIT */
/*
 * Two files tell where a group lies: self/cgroup in /proc names it, and self/mountinfo
 * says where its hierarchy is mounted, and from which group on: a
 * container sees only its own part of the tree.
 */
#include "common/process/cgroup.h"
#include "common/process/fds.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether `list`, words with commas between, has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && strchr(",\n", at[length]))
            return true;
    }
    return false;
}

static FILE *open_of_self(const char *proc, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/self/%s", proc, name);
    return fopen(path, "re");
}

/* The group's name in its hierarchy: "/user.slice/x". */
static bool find_name(const char *proc, const char *controller, char *name, size_t size)
{
    char line[PATH_MAX + 256];
    FILE *file = open_of_self(proc, "cgroup");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = controller ? has_word(list + 1, controller)
                           : strncmp(line, "0:", 2) == 0 && !list[1];
        if (found)
            snprintf(name, size, "%s", path);
    }
    if (file)
        fclose(file);
    return found;
}

/* A line of mountinfo: "36 35 0:31 ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE MORE". */
static bool is_mount_of(char *line, const char *controller, const char **ret_root,
                        const char **ret_point)
{
    char *words[5], *save = NULL;
    char *rest = strstr(line, " - ");
    char type[32], more[512];
    if (!rest || sscanf(rest, " - %31s %*s %511s", type, more) != 2)
        return false;
    if (controller ? strcmp(type, "cgroup") != 0 || !has_word(more, controller)
                   : strcmp(type, "cgroup2") != 0)
        return false;
    *rest = '\0';
    for (int i = 0; i < 5; i++)
        if (!(words[i] = strtok_r(i ? NULL : line, " ", &save)))
            return false;
    *ret_root = words[3];
    *ret_point = words[4];
    return true;
}

/* Beneath the mount point, the group has the name that is left behind the mount's root;
 * a group outside of that is shown as the root itself. */
static bool join(const char *root, const char *point, const char *name,
                 struct cgroup_path *ret_path)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(name, root, length) == 0 && strchr("/", name[length]);
    const char *rest = below ? name + length : "";
    int size = snprintf(ret_path->path, sizeof ret_path->path, "%s%s", point,
                        strcmp(rest, "/") == 0 ? "" : rest);
    ret_path->top = (unsigned)strlen(point);
    return size > 0 && (size_t)size < sizeof ret_path->path && !strstr(rest, "/..");
}

bool cgroup_find(const char *proc, const char *controller, struct cgroup_path *ret_path)
{
    char name[PATH_MAX], *line = NULL;
    const char *root, *point;
    size_t room = 0;
    bool found = false;
    if (!find_name(proc, controller, name, sizeof name))
        return false;
    FILE *file = open_of_self(proc, "mountinfo");
    while (file && !found && getline(&line, &room, file) > 0)
        found = is_mount_of(line, controller, &root, &point) &&
                join(root, point, name, ret_path) && access(ret_path->path, F_OK) == 0;
    if (file)
        fclose(file);
    free(line);
    return found;
}

/* ---- quotas ---- */

static bool read_text(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    fd_close(&fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

/* 0: none here. */
static uint32_t quota_of(const char *folder, bool second)
{
    char text[128], period_text[64];
    int64_t quota = -1, period = 0;
    if (second && read_text(folder, "cpu.max", text, sizeof text)) {
        if (sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) != 2)
            return 0; /* "max 100000" */
    } else if (!second && read_text(folder, "cpu.cfs_quota_us", text, sizeof text) &&
               read_text(folder, "cpu.cfs_period_us", period_text,
                         sizeof period_text)) {
        quota = strtoll(text, NULL, 10);
        period = strtoll(period_text, NULL, 10);
    }
    if (quota <= 0 || period <= 0)
        return 0;
    int64_t count = (quota - 1) / period + 1;
    return count < UINT32_MAX ? (uint32_t)count : 0;
}

/* Goes to the group above. False: this is the highest that is shown. */
static bool climb(struct cgroup_path *at)
{
    size_t length = strlen(at->path);
    while (length > at->top && at->path[length - 1] != '/')
        length--;
    if (length <= at->top)
        return false;
    at->path[length - 1] = '\0';
    return true;
}

static uint32_t smallest_quota(struct cgroup_path *at, bool second)
{
    uint32_t least = 0;
    do {
        uint32_t here = quota_of(at->path, second);
        if (here && (!least || here < least))
            least = here;
    } while (climb(at));
    return least;
}

uint32_t cgroup_processors(const char *proc)
{
    struct cgroup_path at;
    uint32_t one = cgroup_find(proc, "cpu", &at) ? smallest_quota(&at, false) : 0;
    uint32_t two = cgroup_find(proc, NULL, &at) ? smallest_quota(&at, true) : 0;
    return one && two ? (one < two ? one : two) : one ? one : two;
}

/* ---- memory ---- */

static int open_in(const struct cgroup_path *at, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", at->path, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Version 2 counts in the nearest group above that has a controller of memory. */
int cgroup_open_oom(const char *proc)
{
    struct cgroup_path at;
    int fd = -1;
    if (cgroup_find(proc, NULL, &at))
        do
            fd = open_in(&at, "memory.events");
        while (fd < 0 && climb(&at));
    if (fd < 0 && cgroup_find(proc, "memory", &at))
        fd = open_in(&at, "memory.oom_control");
    return fd;
}
