/* SPDX-License-Identifier: MIT */
/* The two ways to keep a chunk: a stream's bytes, and a file's place. */
#include "ventilator/store.h"

#include "input_fixture.h"
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

static struct store *store_three(struct source *source, uint64_t first)
{
    struct store *store = store_new(source);
    struct chunk chunk;
    for (uint64_t seq = first; seq < first + 3; seq++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
        store_put(store, seq, &chunk);
    }
    return store;
}

static void expect_stored(struct store *store, uint64_t seq, const char *text)
{
    zmq_msg_t bytes;
    cr_assert(store_take_bytes(store, seq, &bytes));
    expect_bytes(&bytes, text);
}

Test(store, keeps_a_streams_bytes_until_they_are_discarded)
{
    struct source *source = pipe_of_three();
    struct store *store = store_three(source, 0);
    for (int attempt = 0; attempt < 3; attempt++)
        expect_stored(store, 1, "two\n");
    cr_expect_eq(store_bytes(store), 14);
    store_discard(store, 1);
    cr_expect_eq(store_bytes(store), 10);
    cr_expect_null(store_find(store, 1));
    expect_stored(store, 2, "three\n");
    store_destroy(&store);
    source_destroy(&source);
}

Test(store, reads_a_files_bytes_again_once_they_were_taken)
{
    char path[64];
    int fd;
    struct source *source = file_of_three(path, &fd);
    struct store *store = store_three(source, 0);
    expect_stored(store, 1, "two\n");
    cr_expect_eq(store_bytes(store), 10);
    expect_stored(store, 1, "two\n");
    expect_stored(store, 0, "one\n");
    expect_stored(store, 0, "one\n");
    cr_expect_eq(store_bytes(store), 6);
    store_destroy(&store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(store, says_when_a_file_has_other_bytes)
{
    char path[64];
    int fd;
    zmq_msg_t bytes;
    struct source *source = file_of_three(path, &fd);
    struct store *store = store_three(source, 0);
    expect_stored(store, 1, "two\n");
    cr_assert_eq(pwrite(fd, "TWO", 3, 4), 3);
    cr_expect(!store_take_bytes(store, 1, &bytes));
    cr_expect(strstr(source_error(source), "changed"), "%s", source_error(source));
    store_destroy(&store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(store, says_when_a_file_lost_the_bytes)
{
    char path[64];
    int fd;
    zmq_msg_t bytes;
    struct source *source = file_of_three(path, &fd);
    struct store *store = store_three(source, 0);
    expect_stored(store, 2, "three\n");
    cr_assert_eq(ftruncate(fd, 9), 0);
    cr_expect(!store_take_bytes(store, 2, &bytes));
    cr_expect_neq(source_error(source)[0], '\0');
    store_destroy(&store);
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(store, begins_at_any_seq_and_knows_where_each_chunk_lies)
{
    struct source *source = pipe_of_three();
    struct store *store = store_three(source, 1000000007);
    cr_expect_null(store_find(store, 1000000006));
    cr_expect_null(store_find(store, 1000000010));
    cr_expect_eq(store_find(store, 1000000008)->offset, 4);
    cr_expect_eq(store_find(store, 1000000009)->length, 6);
    cr_expect_eq(store_find(store, 1000000009)->mark_size, 42);
    store_destroy(&store);
    source_destroy(&source);
}

Test(store, grows_and_wraps_with_what_is_in_it)
{
    struct source *source = pipe_of_three();
    struct store *store = store_new(source);
    uint64_t next = 0, first = 0;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 3; i++, next++) {
            struct chunk chunk = {.length = sizeof next, .offset = next};
            zmq_msg_init_size(&chunk.bytes, sizeof next);
            memcpy(zmq_msg_data(&chunk.bytes), &next, sizeof next);
            store_put(store, next, &chunk);
        }
        for (int i = 0; i < 2; i++, first++)
            store_discard(store, first ^ (first + 1 < next)); /* also out of order */
    }
    for (uint64_t seq = first; seq < next; seq++) {
        zmq_msg_t bytes;
        cr_assert_not_null(store_find(store, seq), "%lu", seq);
        cr_assert(store_take_bytes(store, seq, &bytes));
        cr_assert_eq(memcmp(zmq_msg_data(&bytes), &seq, sizeof seq), 0);
        zmq_msg_close(&bytes);
    }
    cr_expect_eq(store_bytes(store), (next - first) * sizeof next);
    for (uint64_t seq = first; seq < next; seq++)
        store_discard(store, seq);
    cr_expect_eq(store_bytes(store), 0);
    store_destroy(&store);
    source_destroy(&source);
}
