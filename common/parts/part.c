/* SPDX-License-Identifier: MIT */
#include "common/parts/part.h"

#include "common/parse.h"
#include "common/process/write_all.h"
#include "common/protocol/message.h"
#include "common/protocol/msgpack_reader.h"
#include "common/protocol/msgpack_room.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char temporary[] = ".tmp";

void part_name(uint64_t seq, uint64_t epoch, uint32_t attempt, char name[PART_NAME_MAX])
{
    snprintf(name, PART_NAME_MAX - sizeof temporary, "%" PRIu64 ".%" PRIu64 ".%" PRIu32,
             seq, epoch, attempt);
}

bool part_name_is_of(const char *name, uint64_t seq)
{
    unsigned long long found, epoch;
    unsigned attempt;
    int size = 0;
    return sscanf(name, "%llu.%llu.%u%n", &found, &epoch, &attempt, &size) == 3 &&
           name[size] == '\0' && found == seq &&
           strspn(name, "0123456789.") == (size_t)size;
}

/* ---- the manifest ---- */

size_t part_line(const struct part *part, char line[PART_LINE_MAX])
{
    int size = snprintf(line, PART_LINE_MAX,
                        "%" PRIu64 " %s %" PRIu64 " %016" PRIx64 "\n", part->seq,
                        part->path, part->bytes, part->hash);
    return (size_t)size;
}

/* RUN/NAME: nothing else is opened, whatever somebody wrote into a manifest. */
static bool is_path(const char *path, uint64_t seq)
{
    const char *name = strchr(path, '/');
    return strcmp(path, "-") == 0 ||
           (name && name - path == ID_TEXT_SIZE - 1 &&
            strspn(path, "0123456789abcdef") == ID_TEXT_SIZE - 1 &&
            part_name_is_of(name + 1, seq));
}

bool part_line_read(struct slice line, struct part *ret_part)
{
    char text[PART_LINE_MAX], path[PART_PATH_MAX + 1];
    struct part part;
    int end = 0;
    if (line.size >= sizeof text)
        return false;
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    static_assert(PART_PATH_MAX == 97, "as the format says");
    if (strlen(text) != line.size ||
        sscanf(text, "%" SCNu64 " %97s %" SCNu64 " %16" SCNx64 "%n", &part.seq, path,
               &part.bytes, &part.hash, &end) != 4 ||
        text[end] != '\0' || strlen(path) >= sizeof part.path ||
        !is_path(path, part.seq) || (strcmp(path, "-") == 0) != (part.bytes == 0))
        return false;
    strcpy(part.path, path);
    *ret_part = part;
    return true;
}

/* ---- in a message ---- */

size_t part_pack(const char *name, uint64_t hash, uint8_t *to)
{
    struct msgpack_room room = {.to = to, .capacity = PART_MAX};
    msgpack_packer packer;
    size_t size = strlen(name);
    msgpack_packer_init(&packer, &room, msgpack_room_write);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_bin(&packer, size);
    msgpack_pack_bin_body(&packer, name, size);
    msgpack_pack_uint64(&packer, hash);
    return room.size;
}

bool part_unpack(struct slice packed, char name[PART_NAME_MAX], uint64_t *ret_hash)
{
    struct msgpack_reader reader = {.data = packed.data, .size = packed.size};
    struct token token, hash;
    if (msgpack_read(&reader, &token) != TOKEN_ARRAY || token.number != 2 ||
        msgpack_read(&reader, &token) != TOKEN_BYTES ||
        token.slice.size >= PART_NAME_MAX ||
        msgpack_read(&reader, &hash) != TOKEN_NUMBER || token_bytes_left(&reader) > 0)
        return false;
    memset(name, 0, PART_NAME_MAX);
    memcpy(name, token.slice.data, token.slice.size);
    *ret_hash = hash.number;
    return true;
}

/* ---- the file ---- */

static int write_file(int directory, const char *name, struct slice bytes)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(directory, name, flags, 0666);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, bytes.data, bytes.size);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (close(fd) != 0 && result == 0 && errno != EINTR)
        result = -errno;
    return result;
}

int part_write(int directory, const char name[PART_NAME_MAX], struct slice bytes)
{
    char first[PART_NAME_MAX];
    strcpy(first, name);
    strcat(first, temporary);
    int result = write_file(directory, first, bytes);
    if (result == 0 && renameat(directory, first, directory, name) != 0)
        result = -errno;
    if (result < 0)
        unlinkat(directory, first, 0);
    return result;
}
