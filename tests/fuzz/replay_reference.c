/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_reference as a unit test: a file called good-... is taken,
 * bad-... is refused, and any other must only not crash. Prints TAP. */
#include "fuzz_reference.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 16 };

static unsigned tests, failures;

static void replay(const char *directory, const char *name)
{
    static uint8_t data[FILE_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rbe");
    size_t size = file ? fread(data, 1, sizeof data, file) : 0;
    if (file)
        fclose(file);
    bool taken = drive_reference(data, size);
    bool good = file && (strncmp(name, "good-", 5) != 0 || taken) &&
                (strncmp(name, "bad-", 4) != 0 || !taken);
    printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
    failures += !good;
}

int main(int argc, char **argv)
{
    DIR *entries = argc == 2 ? opendir(argv[1]) : NULL;
    if (!entries) {
        fputs("usage: replay_reference CORPUS\n", stderr);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(entries));)
        if (entry->d_name[0] != '.')
            replay(argv[1], entry->d_name);
    closedir(entries);
    printf("1..%u\n", tests);
    return failures > 0 || tests == 0;
}
