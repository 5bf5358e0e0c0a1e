/* SPDX-License-Identifier: MIT */
/* The checksum is compared first, so that the decoder only sees what a sink wrote. */
#include "sink/journal/journal.h"

#include "common/memory.h"
#include "common/process/sync_directory.h"
#include "common/protocol/msgpack_reader.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { VERSION = 2, FIELDS = 14, FIELDS_MAX = 15, CHECKSUM_BYTES = 8 };

static const char magic[] = "fanfold journal";

void journal_begin_part(struct journal *journal)
{
    journal->earlier += journal->offset;
    journal->offset = 0;
    journal->fingerprint = 0;
    journal->part++;
    journal->closing = 0;
}

/* ---- encoding ---- */

static void pack_bytes(msgpack_packer *packer, const void *data, size_t size)
{
    msgpack_pack_bin(packer, size);
    msgpack_pack_bin_body(packer, data, size);
}

/* The last field is the command alone, as ever, or an array of it and what else there
 * is to say of the output. */
enum { COMMAND_ALONE = 1, WITH_FRAMING = 2, WITH_PARTS = 5, WITH_HEADER = 6 };

static uint64_t count_last(const struct journal *journal)
{
    if (journal->part)
        return journal->headed ? WITH_HEADER : WITH_PARTS;
    return journal->framing ? WITH_FRAMING : COMMAND_ALONE;
}

static void pack_last(msgpack_packer *packer, const struct journal *journal)
{
    const uint64_t numbers[] = {journal->command, journal->framing, journal->part,
                                journal->closing, journal->earlier, journal->headed};
    uint64_t count = count_last(journal);
    if (count > COMMAND_ALONE)
        msgpack_pack_array(packer, count);
    for (uint64_t i = 0; i < count; i++)
        msgpack_pack_uint64(packer, numbers[i]);
}

static void pack(msgpack_packer *packer, const struct journal *journal)
{
    const struct position *position = &journal->position;
    bool more = journal->command || count_last(journal) > COMMAND_ALONE;
    msgpack_pack_array(packer, more ? FIELDS_MAX : FIELDS);
    msgpack_pack_str(packer, sizeof magic - 1);
    msgpack_pack_str_body(packer, magic, sizeof magic - 1);
    msgpack_pack_uint64(packer, VERSION);
    pack_bytes(packer, position->run.bytes, sizeof position->run.bytes);
    pack_bytes(packer, position->uid.bytes, sizeof position->uid.bytes);
    msgpack_pack_uint64(packer, position->epoch);
    msgpack_pack_uint64(packer, position->next);
    pack_bytes(packer, position->mark, position->mark_size);
    pack_bytes(packer, position->input, position->input_size);
    msgpack_pack_uint64(packer, journal->offset);
    msgpack_pack_uint64(packer, journal->fingerprint);
    msgpack_pack_uint64(packer, position->dead_letters);
    msgpack_pack_uint64(packer, position->failed);
    msgpack_pack_uint64(packer, journal->dead_letters_name);
    if (position->finished)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
    if (more)
        pack_last(packer, journal);
}

static void checksum(const void *data, size_t size, uint8_t sum[CHECKSUM_BYTES])
{
    uint64_t hash = XXH64(data, size, 0);
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        sum[i] = (uint8_t)(hash >> (56 - 8 * i));
}

size_t journal_encode(const struct journal *journal, uint8_t bytes[JOURNAL_BYTES_MAX])
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    pack(&packer, journal);
    if (!buffer.data)
        abort_out_of_memory();
    size_t size = buffer.size;
    assert(size + CHECKSUM_BYTES <= JOURNAL_BYTES_MAX);
    memcpy(bytes, buffer.data, size);
    checksum(bytes, size, bytes + size);
    msgpack_sbuffer_destroy(&buffer);
    return size + CHECKSUM_BYTES;
}

/* ---- decoding ---- */

static bool take_number(struct msgpack_reader *reader, uint64_t *ret_number)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_NUMBER)
        return false;
    *ret_number = token.number;
    return true;
}

static bool take_id(struct msgpack_reader *reader, struct id *ret_id)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_BYTES ||
        token.slice.size != sizeof ret_id->bytes)
        return false;
    memcpy(ret_id->bytes, token.slice.data, sizeof ret_id->bytes);
    return true;
}

/* At most 255 bytes: what a size of one byte can say. */
static bool take_bytes(struct msgpack_reader *reader, uint8_t *data, uint8_t *ret_size)
{
    struct token token;
    _Static_assert(MARK_MAX == UINT8_MAX && INPUT_MAX_BYTES == UINT8_MAX, "one byte");
    if (msgpack_read(reader, &token) != TOKEN_BYTES || token.slice.size > UINT8_MAX)
        return false;
    memcpy(data, token.slice.data, token.slice.size);
    *ret_size = (uint8_t)token.slice.size;
    return true;
}

static bool take_flag(struct msgpack_reader *reader, bool *ret_flag)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_FLAG)
        return false;
    *ret_flag = token.number != 0;
    return true;
}

/* The array's head, and what every version has in front. */
static bool take_head(struct msgpack_reader *reader, uint64_t *ret_fields,
                      uint64_t *ret_version)
{
    struct token token;
    if (msgpack_read(reader, &token) != TOKEN_ARRAY)
        return false;
    *ret_fields = token.number;
    return msgpack_read(reader, &token) == TOKEN_TEXT &&
           token.slice.size == sizeof magic - 1 &&
           memcmp(token.slice.data, magic, sizeof magic - 1) == 0 &&
           take_number(reader, ret_version);
}

static bool take_last(struct msgpack_reader *reader, struct journal *journal)
{
    struct token token;
    enum token_kind kind = msgpack_read(reader, &token);
    journal->command = token.number;
    if (kind == TOKEN_NUMBER)
        return true;
    uint64_t count = token.number;
    if (kind != TOKEN_ARRAY ||
        (count != WITH_FRAMING && count != WITH_PARTS && count != WITH_HEADER))
        return false;
    return take_number(reader, &journal->command) &&
           take_number(reader, &journal->framing) &&
           (count == WITH_FRAMING || (take_number(reader, &journal->part) &&
                                      take_number(reader, &journal->closing) &&
                                      take_number(reader, &journal->earlier))) &&
           (count < WITH_HEADER || take_number(reader, &journal->headed));
}

/* An earlier sink, or one that nobody told the command, has written one less. */
static bool take_fields(struct msgpack_reader *reader, uint64_t fields,
                        struct journal *journal)
{
    struct position *position = &journal->position;
    return take_id(reader, &position->run) && take_id(reader, &position->uid) &&
           take_number(reader, &position->epoch) &&
           take_number(reader, &position->next) &&
           take_bytes(reader, position->mark, &position->mark_size) &&
           take_bytes(reader, position->input, &position->input_size) &&
           take_number(reader, &journal->offset) && journal->offset <= INT64_MAX &&
           take_number(reader, &journal->fingerprint) &&
           take_number(reader, &position->dead_letters) &&
           take_number(reader, &position->failed) &&
           take_number(reader, &journal->dead_letters_name) &&
           take_flag(reader, &position->finished) &&
           (fields == FIELDS || take_last(reader, journal)) &&
           token_bytes_left(reader) == 0;
}

static const char *take_journal(struct msgpack_reader *reader, struct journal *journal)
{
    uint64_t fields, version;
    if (!take_head(reader, &fields, &version))
        return "it is no journal";
    if (version != VERSION)
        return "another version of fanfold-sink wrote it";
    if (fields < FIELDS || fields > FIELDS_MAX || !take_fields(reader, fields, journal))
        return "its fields are not those of a journal";
    return NULL;
}

const char *journal_decode(struct slice bytes, struct journal *ret_journal)
{
    uint8_t sum[CHECKSUM_BYTES];
    struct journal journal = {.offset = 0};
    if (bytes.size <= CHECKSUM_BYTES)
        return "it is cut short";
    if (bytes.size > JOURNAL_BYTES_MAX)
        return "it is too long for a journal";
    struct msgpack_reader reader = {.data = bytes.data,
                                    .size = bytes.size - CHECKSUM_BYTES};
    checksum(reader.data, reader.size, sum);
    if (memcmp(sum, bytes.data + reader.size, CHECKSUM_BYTES) != 0)
        return "its checksum is wrong";
    const char *wrong = take_journal(&reader, &journal);
    if (!wrong)
        *ret_journal = journal;
    return wrong;
}

bool journal_begins(struct slice bytes)
{
    /* An array's head, then a text's head and the text. */
    uint8_t begin[sizeof magic];
    _Static_assert(FIELDS_MAX <= 15 && sizeof magic - 1 <= 31, "heads of one byte");
    begin[0] = (uint8_t)(0xa0 | (sizeof magic - 1));
    memcpy(begin + 1, magic, sizeof magic - 1);
    if (bytes.size == 0 || (bytes.data[0] & 0xf0) != 0x90)
        return false;
    size_t size = bytes.size - 1 < sizeof begin ? bytes.size - 1 : sizeof begin;
    return memcmp(bytes.data + 1, begin, size) == 0;
}

/* ---- the file ---- */

uint64_t journal_dead_letters_name(const char *directory)
{
    return XXH64(directory, strlen(directory), 0);
}

/* Reads up to `size` bytes and returns their number; -errno. */
static ssize_t read_durable(const char *path, uint8_t *bytes, size_t size)
{
    size_t filled = 0;
    ssize_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    while (filled < size && ((count = read(fd, bytes + filled, size - filled)) > 0 ||
                             (count < 0 && errno == EINTR)))
        filled += count > 0 ? (size_t)count : 0;
    int result = count < 0 || fsync(fd) != 0 ? -errno : 0;
    close(fd);
    if (result == 0)
        result = sync_directory_of(path);
    return result < 0 ? result : (ssize_t)filled;
}

int journal_read(const char *path, struct journal *ret_journal, char *error,
                 size_t error_size)
{
    uint8_t bytes[JOURNAL_BYTES_MAX + 1];
    ssize_t size = read_durable(path, bytes, sizeof bytes);
    if (size == -ENOENT)
        return -ENOENT;
    if (size < 0) {
        snprintf(error, error_size, "cannot read %s: %s", path, strerror((int)-size));
        return (int)size;
    }
    struct slice whole = {bytes, (size_t)size};
    const char *wrong = journal_decode(whole, ret_journal);
    if (!wrong)
        return 0;
    if (journal_begins(whole))
        snprintf(error, error_size,
                 "cannot resume from %s: %s; remove it to start over", path, wrong);
    else
        snprintf(error, error_size,
                 "%s is no journal, and this output's journal needs that name: move "
                 "the file away, or write to another output",
                 path);
    return -EINVAL;
}

void journal_remove(const char *path)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    if (size > 0 && journal_begins((struct slice){bytes, (size_t)size}) &&
        unlink(path) == 0)
        (void)sync_directory_of(path);
}
