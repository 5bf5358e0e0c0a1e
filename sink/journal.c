/* SPDX-License-Identifier: MIT */
/* Any bytes are a journal or have something wrong with them; the checksum is looked at
 * first, so that what is parsed was written by a sink. */
#include "sink/journal.h"

#include "common/memory.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { VERSION = 1, CHECKSUM_BYTES = 8 };

static const char magic[] = "fanfold journal";

/* In the order in which they lie there. */
enum journal_field {
    FIELD_MAGIC,
    FIELD_VERSION,
    FIELD_RUN,
    FIELD_UID,
    FIELD_EPOCH,
    FIELD_NEXT,
    FIELD_MARK,
    FIELD_INPUT,
    FIELD_OFFSET,
    FIELD_DEAD_LETTERS,
    FIELD_FAILED,
    FIELD_LETTERS_NAME,
    FIELD_FINISHED,
    FIELDS
};

/* ---- encoding ---- */

static void pack_bytes(msgpack_packer *packer, const void *data, size_t size)
{
    msgpack_pack_bin(packer, size);
    msgpack_pack_bin_body(packer, data, size);
}

static void pack(msgpack_packer *packer, const struct journal *journal)
{
    const struct position *position = &journal->position;
    msgpack_pack_array(packer, FIELDS);
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
    msgpack_pack_uint64(packer, position->dead_letters);
    msgpack_pack_uint64(packer, position->failed);
    msgpack_pack_uint64(packer, journal->letters_name);
    if (position->finished)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
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
    if (buffer.data == NULL)
        abort_out_of_memory();
    size_t size = buffer.size;
    assert(size + CHECKSUM_BYTES <= JOURNAL_BYTES_MAX);
    memcpy(bytes, buffer.data, size);
    checksum(bytes, size, bytes + size);
    msgpack_sbuffer_destroy(&buffer);
    return size + CHECKSUM_BYTES;
}

/* ---- decoding ---- */

static bool take_number(const msgpack_object *object, uint64_t *ret_number)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *ret_number = object->via.u64;
    return true;
}

static bool take_id(const msgpack_object *object, struct id *ret_id)
{
    if (object->type != MSGPACK_OBJECT_BIN ||
        object->via.bin.size != sizeof ret_id->bytes)
        return false;
    memcpy(ret_id->bytes, object->via.bin.ptr, sizeof ret_id->bytes);
    return true;
}

/* At most 255 bytes: what a size of one byte can say. */
static bool take_bytes(const msgpack_object *object, uint8_t *data, uint8_t *ret_size)
{
    _Static_assert(MARK_MAX == UINT8_MAX && INPUT_MAX_BYTES == UINT8_MAX, "one byte");
    if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size > UINT8_MAX)
        return false;
    memcpy(data, object->via.bin.ptr, object->via.bin.size);
    *ret_size = (uint8_t)object->via.bin.size;
    return true;
}

static bool take_flag(const msgpack_object *object, bool *ret_flag)
{
    if (object->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *ret_flag = object->via.boolean;
    return true;
}

static bool has_magic(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_STR &&
           object->via.str.size == sizeof magic - 1 &&
           memcmp(object->via.str.ptr, magic, sizeof magic - 1) == 0;
}

static bool take_fields(const msgpack_object *fields, struct journal *journal)
{
    struct position *position = &journal->position;
    return take_id(&fields[FIELD_RUN], &position->run) &&
           take_id(&fields[FIELD_UID], &position->uid) &&
           take_number(&fields[FIELD_EPOCH], &position->epoch) &&
           take_number(&fields[FIELD_NEXT], &position->next) &&
           take_bytes(&fields[FIELD_MARK], position->mark, &position->mark_size) &&
           take_bytes(&fields[FIELD_INPUT], position->input, &position->input_size) &&
           take_number(&fields[FIELD_OFFSET], &journal->offset) &&
           journal->offset <= INT64_MAX &&
           take_number(&fields[FIELD_DEAD_LETTERS], &position->dead_letters) &&
           take_number(&fields[FIELD_FAILED], &position->failed) &&
           take_number(&fields[FIELD_LETTERS_NAME], &journal->letters_name) &&
           take_flag(&fields[FIELD_FINISHED], &position->finished);
}

static const char *take_object(const msgpack_object *object, struct journal *journal)
{
    uint64_t version;
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < 2 ||
        !has_magic(&object->via.array.ptr[FIELD_MAGIC]) ||
        !take_number(&object->via.array.ptr[FIELD_VERSION], &version))
        return "it is no journal";
    if (version != VERSION)
        return "another version of fanfold-sink wrote it";
    if (object->via.array.size != FIELDS ||
        !take_fields(object->via.array.ptr, journal))
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
    size_t size = bytes.size - CHECKSUM_BYTES, used = 0;
    checksum(bytes.data, size, sum);
    if (memcmp(sum, bytes.data + size, CHECKSUM_BYTES) != 0)
        return "its checksum is wrong";
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    const char *wrong = "it is no journal";
    if (msgpack_unpack_next(&unpacked, (const char *)bytes.data, size, &used) ==
            MSGPACK_UNPACK_SUCCESS &&
        used == size)
        wrong = take_object(&unpacked.data, &journal);
    msgpack_unpacked_destroy(&unpacked);
    if (wrong == NULL)
        *ret_journal = journal;
    return wrong;
}

/* ---- the file ---- */

char *journal_path(const char *output)
{
    return allocate_text("%s.fanfold", output);
}

uint64_t journal_letters_name(const char *directory)
{
    return XXH64(directory, strlen(directory), 0);
}

static int sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

/* Up to `size` bytes, and how many; -errno. */
static ssize_t read_durable(const char *path, uint8_t *bytes, size_t size)
{
    size_t filled = 0;
    ssize_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
    const char *wrong =
        journal_decode((struct slice){bytes, (size_t)size}, ret_journal);
    if (wrong == NULL)
        return 0;
    snprintf(error, error_size, "%s cannot be gone on with: %s", path, wrong);
    return -EINVAL;
}

void journal_remove(const char *path)
{
    if (unlink(path) == 0)
        sync_directory_of(path);
}
