/* SPDX-License-Identifier: MIT */
#include "sink/parts/manifest.h"

#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct manifest *manifest, const char *line, size_t size)
{
    struct part part;
    if (size == 0 || line[size - 1] != '\n' ||
        !part_line_read((struct slice){(const uint8_t *)line, size - 1}, &part) ||
        (manifest->count > 0 && part.seq <= manifest->parts[manifest->count - 1].seq))
        return -EINVAL;
    size_t count = manifest->count++;
    if ((count & (count - 1)) == 0)
        manifest->parts =
            reallocate(manifest->parts, count ? 2 * count : 1, sizeof *manifest->parts);
    manifest->parts[count] = part;
    return 0;
}

int manifest_read(const char *path, struct manifest *ret_manifest, uint64_t *ret_line)
{
    struct manifest manifest = {.parts = NULL};
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int result = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    *ret_line = 0;
    while (result == 0 && (size = getline(&line, &room, file)) >= 0) {
        ++*ret_line;
        result = add(&manifest, line, (size_t)size);
    }
    if (result == 0 && ferror(file))
        result = -errno;
    free(line);
    fclose(file);
    if (result < 0)
        manifest_deinit(&manifest);
    else
        *ret_manifest = manifest;
    return result;
}

void manifest_deinit(struct manifest *manifest)
{
    free(manifest->parts);
    *manifest = (struct manifest){.parts = NULL};
}

const struct part *manifest_find(const struct manifest *manifest, uint64_t seq)
{
    size_t first = 0, end = manifest->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (manifest->parts[middle].seq < seq)
            first = middle + 1;
        else
            end = middle;
    }
    return first < manifest->count && manifest->parts[first].seq == seq
               ? &manifest->parts[first]
               : NULL;
}
