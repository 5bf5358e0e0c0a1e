/* SPDX-License-Identifier: MIT */
/* Files that change while they are read, and streams that come in bits. */
#include "ventilator/source/source.h"

#include "tests/unit/ventilator/source/input_fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Makes `fd` standard input. */
static void redirect(int fd)
{
    cr_assert_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
}

Test(source, reads_a_file_chunk_by_chunk_to_its_end)
{
    char path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(4);
    close(make_file(path, "a\nb\nccccc\nd", 11));
    struct source *source = open_source(path, &config);
    expect_chunk(source, "a\nb\n");
    expect_chunk(source, "ccccc\n");
    expect_chunk(source, "d");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    cr_expect_eq(source_bytes(source), 11);
    cr_expect(source_can_reread(source));
    cr_expect_eq(source_total(source), 11);
    source_destroy(&source);
    unlink(path);
}

Test(source, reads_a_file_on_standard_input_from_where_it_is)
{
    char path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(100);
    int fd = make_file(path, "skipped\nread\n", 13);
    cr_assert_eq(lseek(fd, 8, SEEK_SET), 8);
    redirect(fd);
    struct source *source = open_source(NULL, &config);
    cr_expect(source_can_reread(source));
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    cr_expect_eq(chunk.offset, 8);
    expect_bytes(&chunk.bytes, "read\n");
    cr_expect_eq(lseek(STDIN_FILENO, 0, SEEK_CUR), 8, "others share the offset");
    source_destroy(&source);
    unlink(path);
}

Test(source, fails_on_a_file_that_is_cut_short_while_it_is_read)
{
    char path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(1 << 20);
    size_t size = 3 << 20;
    char *text = malloc(size);
    memset(text, '\n', size);
    int fd = make_file(path, text, size);
    struct source *source = open_source(path, &config);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    zmq_msg_close(&chunk.bytes);
    cr_assert_eq(ftruncate(fd, 1500000), 0);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "what is there first");
    cr_expect_eq(chunk.offset + chunk.length, 1500000);
    zmq_msg_close(&chunk.bytes);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_FAILED);
    cr_expect(strstr(source_error(source), "1500000"), "%s", source_error(source));
    cr_expect(strstr(source_error(source), "cut short"), "%s", source_error(source));
    source_destroy(&source);
    close(fd);
    unlink(path);
    free(text);
}

Test(source, reads_bytes_that_are_appended_meanwhile)
{
    char path[64];
    struct chunker_config config = blocks_of(2);
    int fd = make_file(path, "a\n", 2);
    struct source *source = open_source(path, &config);
    cr_assert_eq(pwrite(fd, "b\n", 2, 2), 2);
    expect_chunk(source, "a\n");
    expect_chunk(source, "b\n");
    source_destroy(&source);
    close(fd);
    unlink(path);
}

static struct chunk take_chunk(struct source *source)
{
    struct chunk chunk;
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    zmq_msg_close(&chunk.bytes);
    return chunk;
}

Test(source, reads_a_chunk_of_a_file_again_and_notices_when_it_cannot)
{
    char path[64];
    zmq_msg_t bytes;
    struct chunker_config config = blocks_of(4);
    int fd = make_file(path, "a\nb\nc\nd\n", 8);
    struct source *source = open_source(path, &config);
    take_chunk(source);
    struct chunk second = take_chunk(source);
    cr_assert(source_reread(source, &second, &bytes));
    expect_bytes(&bytes, "c\nd\n");
    cr_assert_eq(ftruncate(fd, 6), 0);
    cr_assert(!source_reread(source, &second, &bytes));
    cr_expect(strstr(source_error(source), "4-7"), "%s", source_error(source));
    cr_expect(strstr(source_error(source), "shorter"), "%s", source_error(source));
    source_destroy(&source);
    close(fd);
    unlink(path);
}

Test(source, notices_that_a_chunk_was_rewritten_in_place)
{
    enum { SIZE = 300000, LINE = 1000 };
    char path[64], *text = malloc(SIZE);
    zmq_msg_t bytes;
    struct chunker_config config = blocks_of(100000);
    memset(text, 'x', SIZE);
    for (int end = LINE - 1; end < SIZE; end += LINE)
        text[end] = '\n';
    int fd = make_file(path, text, SIZE);
    struct source *source = open_source(path, &config);
    struct chunk chunks[3];
    for (int i = 0; i < 3; i++)
        chunks[i] = take_chunk(source);
    for (int i = 0; i < 3; i++) {
        cr_assert(source_reread(source, &chunks[i], &bytes), "%s",
                  source_error(source));
        zmq_msg_close(&bytes);
    }
    cr_assert_eq(pwrite(fd, "y", 1, 199998), 1);
    cr_expect(source_reread(source, &chunks[0], &bytes));
    zmq_msg_close(&bytes);
    cr_expect(!source_reread(source, &chunks[1], &bytes));
    cr_expect(strstr(source_error(source), "100000-199999"), "%s",
              source_error(source));
    cr_expect(strstr(source_error(source), "changed while it was read"), "%s",
              source_error(source));
    source_destroy(&source);
    close(fd);
    unlink(path);
    free(text);
}

Test(source, names_the_record_that_is_too_long)
{
    char path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(4);
    config.max_record_bytes = 5;
    close(make_file(path, "a\nb\n123456\n", 11));
    struct source *source = open_source(path, &config);
    expect_chunk(source, "a\nb\n");
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_FAILED);
    cr_expect(strstr(source_error(source), "at byte 4 "), "%s", source_error(source));
    source_destroy(&source);
    unlink(path);
}

Test(source, names_the_file_that_it_cannot_open)
{
    char error[256];
    struct source *source = NULL;
    const char *path = "/nowhere/x";
    struct source_config config = {.paths = &path, .count = 1, .chunker = blocks_of(1)};
    cr_expect_eq(source_open(&config, &source, error, sizeof error), -ENOENT);
    cr_expect(strstr(error, "/nowhere/x"));
    path = "/tmp";
    cr_expect_eq(source_open(&config, &source, error, sizeof error), -EISDIR);
    cr_expect_null(source);
}

/* ---- streams ---- */

static void put(int fd, const char *text)
{
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Feeds a stream in bits. `fd` is the other end of standard input. */
static void expect_stream_in_bits(int fd)
{
    struct chunk chunk;
    struct chunker_config config = blocks_of(4);
    struct source *source = open_source(NULL, &config);
    cr_expect(!source_can_reread(source));
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    put(fd, "a");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    put(fd, "\nb");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    struct pollfd quiet = {.fd = source_fd(source), .events = POLLIN};
    cr_expect_eq(poll(&quiet, 1, 0), 0, "nothing to wake up for");
    put(fd, "\nc");
    cr_expect_eq(poll(&quiet, 1, 0), 1);
    expect_chunk(source, "a\nb\n");
    close(fd);
    expect_chunk(source, "c");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    source_destroy(&source);
}

Test(source, waits_for_a_pipe_without_blocking)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    redirect(ends[0]);
    expect_stream_in_bits(ends[1]);
    cr_expect_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0, "others share the flag");
}

Test(source, waits_for_a_socket_without_blocking)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    redirect(ends[0]);
    expect_stream_in_bits(ends[1]);
    cr_expect_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0, "others share the flag");
}

Test(source, waits_for_the_writer_of_a_named_pipe)
{
    char directory[] = "/tmp/fanfold-test-XXXXXX", path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(2);
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct source *source = open_source(path, &config);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS, "no writer is no end");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    put(fd, "a\n");
    close(fd);
    expect_chunk(source, "a\n");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    source_destroy(&source);
    unlink(path);
    rmdir(directory);
}

Test(source, ends_a_named_pipe_whose_writer_left_before)
{
    char directory[] = "/tmp/fanfold-test-XXXXXX", path[64];
    struct chunk chunk;
    struct chunker_config config = blocks_of(2);
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    put(writer, "a\n");
    close(writer);
    redirect(reader);
    struct source *source = open_source(NULL, &config);
    expect_chunk(source, "a\n");
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    source_destroy(&source);
    unlink(path);
    rmdir(directory);
}

Test(source, fails_with_the_offset_where_a_stream_cannot_be_read)
{
    struct chunk chunk;
    struct chunker_config config = blocks_of(2);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* address 0 */
    cr_assert_geq(fd, 0);
    redirect(fd);
    struct source *source = open_source(NULL, &config);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_FAILED);
    cr_expect(strstr(source_error(source), "at byte 0: Input/output error"), "%s",
              source_error(source));
    source_destroy(&source);
}
