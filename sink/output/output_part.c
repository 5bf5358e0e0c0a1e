/* SPDX-License-Identifier: MIT */
#include "sink/output/output_part.h"

#include "common/memory.h"
#include "common/process/sync_directory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { DIGITS = 6 };

char *output_part_path(const char *output, uint64_t number)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%0*" PRIu64, DIGITS, number);
    if (size == DIGITS)
        return allocate_text("%s.%s", output, digits);
    return allocate_text("%s.%c%s", output, 'a' + size - DIGITS - 1, digits);
}

/* "000001" or "a1000000". */
static bool is_number(const char *text)
{
    size_t size = strlen(text), digits = strspn(text, "0123456789");
    if (digits == size)
        return size == DIGITS;
    return digits == 0 && size > DIGITS + 1 && *text == 'a' + (int)size - DIGITS - 2 &&
           strspn(text + 1, "0123456789") == size - 1;
}

char *output_part_find(const char *output)
{
    char path[PATH_MAX], base[PATH_MAX];
    char *found = NULL;
    snprintf(path, sizeof path, "%s", output);
    snprintf(base, sizeof base, "%s", output);
    const char *name = basename(base);
    size_t size = strlen(name);
    DIR *directory = opendir(dirname(path));
    struct dirent *entry;
    while (directory && !found && (entry = readdir(directory)))
        if (strncmp(entry->d_name, name, size) == 0 && entry->d_name[size] == '.' &&
            is_number(entry->d_name + size + 1))
            found = allocate_text("%s%s", output, entry->d_name + size);
    if (directory)
        closedir(directory);
    return found;
}

/* Where the file system cannot refuse to replace, a look must do. */
static int rename_unless_there(int directory, const char *from, const char *to)
{
    if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (faccessat(directory, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(directory, from, directory, to) == 0 ? 0 : -errno;
}

int output_part_finish(int directory, const char *output, uint64_t number)
{
    char *part = output_part_path(output, number);
    int result = rename_unless_there(directory, output, part);
    free(part);
    return result < 0 ? result : sync_directory(directory);
}

int output_part_finish_path(const char *output, uint64_t number)
{
    char *part = output_part_path(output, number);
    int result = rename_unless_there(AT_FDCWD, output, part);
    free(part);
    return result < 0 ? result : sync_directory_of(output);
}

/* The lock is nobody else's: the file is new. */
int output_part_begin(int directory, const char *output)
{
    int fd = openat(directory, output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno != ENOLCK && errno != EOPNOTSUPP) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
