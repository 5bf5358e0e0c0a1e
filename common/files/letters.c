/* SPDX-License-Identifier: MIT */
#include "common/files/letters.h"

#include "common/memory.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIGITS = 6 };

static const char input_end[] = ".input";

void letter_name(uint64_t number, const char *end, char name[LETTER_NAME_MAX])
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%0*" PRIu64, DIGITS, number);
    if (size > DIGITS)
        snprintf(name, LETTER_NAME_MAX, "%c%s%s", 'a' + (size - DIGITS - 1), digits,
                 end);
    else
        snprintf(name, LETTER_NAME_MAX, "%s%s", digits, end);
}

uint64_t letter_number(const char *name, const char **ret_end)
{
    char own[LETTER_NAME_MAX], *end;
    const char *digits = name + (islower((unsigned char)*name) != 0);
    if (!isdigit((unsigned char)*digits))
        return 0;
    errno = 0;
    unsigned long long number = strtoull(digits, &end, 10);
    if (errno != 0)
        return 0;
    letter_name(number, "", own);
    *ret_end = end;
    return strlen(own) == (size_t)(end - name) && strncmp(own, name, strlen(own)) == 0
               ? number
               : 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

int letters_list(const char *directory, struct letters *ret_letters)
{
    struct letters letters = {NULL, 0};
    size_t capacity = 0;
    DIR *entries = opendir(directory);
    if (!entries)
        return -errno;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *end;
        uint64_t number = letter_number(entry->d_name, &end);
        if (number == 0 || strcmp(end, input_end) != 0)
            continue;
        if (letters.count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            letters.numbers =
                reallocate(letters.numbers, capacity, sizeof *letters.numbers);
        }
        letters.numbers[letters.count++] = number;
    }
    closedir(entries);
    if (letters.count == 0)
        return -EISDIR;
    qsort(letters.numbers, letters.count, sizeof *letters.numbers, by_number);
    *ret_letters = letters;
    return 0;
}

void letters_deinit(struct letters *letters)
{
    free(letters->numbers);
    letters->numbers = NULL;
}

/* Between a directory's name and that of a file in it. */
static const char *slash(const char *directory)
{
    size_t size = strlen(directory);
    return size > 0 && directory[size - 1] == '/' ? "" : "/";
}

char *letter_path(const char *directory, uint64_t number)
{
    char name[LETTER_NAME_MAX];
    letter_name(number, input_end, name);
    return allocate_text("%s%s%s", directory, slash(directory), name);
}

char *letters_header_path(const char *directory)
{
    return allocate_text("%s%sheader", directory, slash(directory));
}

int letters_read_header(const char *path, void *bytes, size_t size, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t done = 0;
    ssize_t got = 1;
    char more;
    while (got > 0 && done < size) {
        do
            got = read(fd, (char *)bytes + done, size - done);
        while (got < 0 && errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
    int result = got < 0 ? -errno : got > 0 && read(fd, &more, 1) == 1 ? -EFBIG : 0;
    close(fd);
    *ret_size = done;
    return result;
}
