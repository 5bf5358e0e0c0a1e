/* SPDX-License-Identifier: MIT */
/* The two ways to hold a chunk: a stream's bytes, and a file's place. */
#include "ventilator/chunk_store.h"

#include "tests/unit/ventilator/source/input_fixture.h"
#include <fcntl.h>

/* Three chunks of one line each; `fd` stays open. */
static struct source *file_of_three(char *path, int *ret_fd)
{
    struct chunker_config config = blocks_of(1);
    *ret_fd = make_file(path, "one\ntwo\nthree\n", 14);
    return open_source(path, &config);
}

static struct source *pipe_of_three(void)
{
    int ends[2];
    struct chunker_config config = blocks_of(1);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(write(ends[1], "one\ntwo\nthree\n", 14), 14);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return open_source(NULL, &config);
}

static struct chunk_store *chunk_store_three(struct source *source, uint64_t first)
{
    struct chunk_store *chunk_store = chunk_store_new(source);
    struct chunk chunk;
    for (uint64_t seq = first; seq < first + 3; seq++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
        chunk_store_put(chunk_store, seq, &chunk);
    }
    return chunk_store;
}

static void expect_stored(struct chunk_store *chunk_store, uint64_t seq,
                          const char *text)
{
    zmq_msg_t bytes;
    cr_assert(chunk_store_take_bytes(chunk_store, seq, &bytes));
    expect_bytes(&bytes, text);
}

static size_t bytes_in_memory(struct chunk_store *chunk_store, uint64_t first,
                              uint64_t end)
{
    size_t bytes = 0;
    for (uint64_t seq = first; seq < end; seq++) {
        const struct chunk *chunk = chunk_store_find(chunk_store, seq);
        bytes += chunk ? zmq_msg_size(&chunk->bytes) : 0;
    }
    return bytes;
}

Test(chunk_store, keeps_a_streams_bytes_until_they_are_discarded)
{
    struct source *source = pipe_of_three();
    struct chunk_store *chunk_store = chunk_store_three(source, 0);
    for (int attempt = 0; attempt < 3; attempt++)
        expect_stored(chunk_store, 1, "two\n");
    cr_expect_eq(bytes_in_memory(chunk_store, 0, 3), 14);
    chunk_store_discard(chunk_store, 1);
    cr_expect_eq(bytes_in_memory(chunk_store, 0, 3), 10);
    cr_expect_null(chunk_store_find(chunk_store, 1));
    expect_stored(chunk_store, 2, "three\n");
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
}

Test(chunk_store, reads_a_files_bytes_again_once_they_were_taken)
{
    char path[64];
    int fd;
    struct source *source = file_of_three(path, &fd);
    struct chunk_store *chunk_store = chunk_store_three(source, 0);
    expect_stored(chunk_store, 1, "two\n");
    cr_expect_eq(bytes_in_memory(chunk_store, 0, 3), 10);
    expect_stored(chunk_store, 1, "two\n");
    expect_stored(chunk_store, 0, "one\n");
    expect_stored(chunk_store, 0, "one\n");
    cr_expect_eq(bytes_in_memory(chunk_store, 0, 3), 6);
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(chunk_store, says_when_a_file_has_other_bytes)
{
    char path[64];
    int fd;
    zmq_msg_t bytes;
    struct source *source = file_of_three(path, &fd);
    struct chunk_store *chunk_store = chunk_store_three(source, 0);
    expect_stored(chunk_store, 1, "two\n");
    cr_assert_eq(pwrite(fd, "TWO", 3, 4), 3);
    cr_expect(!chunk_store_take_bytes(chunk_store, 1, &bytes));
    cr_expect(strstr(source_error(source), "changed"), "%s", source_error(source));
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(chunk_store, says_when_a_file_lost_the_bytes)
{
    char path[64];
    int fd;
    zmq_msg_t bytes;
    struct source *source = file_of_three(path, &fd);
    struct chunk_store *chunk_store = chunk_store_three(source, 0);
    expect_stored(chunk_store, 2, "three\n");
    cr_assert_eq(ftruncate(fd, 9), 0);
    cr_expect(!chunk_store_take_bytes(chunk_store, 2, &bytes));
    cr_expect_neq(source_error(source)[0], '\0');
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(chunk_store, begins_at_any_seq_and_knows_where_each_chunk_lies)
{
    struct source *source = pipe_of_three();
    struct chunk_store *chunk_store = chunk_store_three(source, 1000000007);
    cr_expect_null(chunk_store_find(chunk_store, 1000000006));
    cr_expect_null(chunk_store_find(chunk_store, 1000000010));
    cr_expect_eq(chunk_store_find(chunk_store, 1000000008)->offset, 4);
    cr_expect_eq(chunk_store_find(chunk_store, 1000000009)->length, 6);
    cr_expect_eq(chunk_store_find(chunk_store, 1000000009)->mark_size, 42);
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
}

Test(chunk_store, grows_and_wraps_with_what_is_in_it)
{
    struct source *source = pipe_of_three();
    struct chunk_store *chunk_store = chunk_store_new(source);
    uint64_t next = 0, first = 0;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 3; i++, next++) {
            struct chunk chunk = {.length = sizeof next, .offset = next};
            zmq_msg_init_size(&chunk.bytes, sizeof next);
            memcpy(zmq_msg_data(&chunk.bytes), &next, sizeof next);
            chunk_store_put(chunk_store, next, &chunk);
        }
        for (int i = 0; i < 2; i++, first++)
            chunk_store_discard(chunk_store,
                                first ^ (first + 1 < next)); /* also out of order */
    }
    for (uint64_t seq = first; seq < next; seq++) {
        zmq_msg_t bytes;
        cr_assert_not_null(chunk_store_find(chunk_store, seq), "%lu", seq);
        cr_assert(chunk_store_take_bytes(chunk_store, seq, &bytes));
        cr_assert_eq(memcmp(zmq_msg_data(&bytes), &seq, sizeof seq), 0);
        zmq_msg_close(&bytes);
    }
    cr_expect_eq(bytes_in_memory(chunk_store, 0, next), (next - first) * sizeof next);
    for (uint64_t seq = first; seq < next; seq++)
        chunk_store_discard(chunk_store, seq);
    cr_expect_eq(bytes_in_memory(chunk_store, 0, next), 0);
    chunk_store_destroy(&chunk_store);
    source_destroy(&source);
}
