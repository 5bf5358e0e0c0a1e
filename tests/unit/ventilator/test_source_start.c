/* SPDX-License-Identifier: MIT */
/* A run goes on with its input where it stood, and refuses any other with a sentence.
 */
#include "input_fixture.h"
#include "ventilator/source_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A line has 100 bytes, and a chunk 500 lines. The file is longer than its head, its
 * tail (64 KiB each) and two chunks. */
enum { LINE = 100, CHUNK = 50000, STOOD = 2 * CHUNK, SIZE = 300000 };
/* Bytes that neither head nor tail has: consumed, and not. */
enum { CONSUMED = 90000, BEHIND = 200000, IN_TAIL = 299000, IN_HEAD = 1000 };

struct stood {
    uint8_t mark[CHUNK_MARK_MAX], input[INPUT_MAX_BYTES];
    size_t mark_size, input_size;
};

static struct chunker_config config_here(void)
{
    struct chunker_config config = blocks_of(CHUNK);
    return config;
}

static char *make_text(void)
{
    char *text = malloc(SIZE + 1);
    for (size_t i = 0; i < SIZE / LINE; i++)
        snprintf(text + i * LINE, LINE + 1, "%099zu\n", i);
    return text;
}

static void make_input(char *path)
{
    char *text = make_text();
    close(make_file(path, text, SIZE));
    free(text);
}

/* Makes a pipe with these bytes standard input; returns its other end. */
static int feed(const char *text, size_t size)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), SIZE);
    cr_assert_eq(write(ends[1], text, size), (ssize_t)size);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return ends[1];
}

static void feed_all(void)
{
    char *text = make_text();
    close(feed(text, SIZE));
    free(text);
}

/* Cuts two chunks and leaves. */
static struct stood begin(const char *path, struct chunker_config config)
{
    struct stood stood = {0};
    struct chunk chunk;
    struct source *source = open_source(path, &config);
    struct slice input = source_input(source);
    cr_assert_leq(input.size, INPUT_MAX_BYTES);
    memcpy(stood.input, input.data, stood.input_size = input.size);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s",
                     source_error(source));
        zmq_msg_close(&chunk.bytes);
    }
    memcpy(stood.mark, chunk.mark, stood.mark_size = chunk.mark_size);
    source_destroy(&source);
    return stood;
}

static bool start(struct source *source, const struct stood *stood)
{
    return source_start(source, (struct slice){stood->mark, stood->mark_size},
                        (struct slice){stood->input, stood->input_size});
}

/* The rest comes as if nothing had been in between. `shift`: bytes that the run did not
 * read. `checks`: it has to read again. */
static void expect_goes_on(const char *path, const struct stood *stood, bool checks)
{
    struct chunker_config config = config_here();
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    cr_assert(start(source, stood), "%s", source_error(source));
    cr_expect_eq(source_checks(source), checks);
    for (uint64_t at = STOOD; at < SIZE; at += CHUNK) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s",
                     source_error(source));
        cr_expect_eq(chunk.offset, at);
        cr_expect_eq(chunk.first_record, at / LINE);
        cr_expect_eq(chunk.records, CHUNK / LINE);
        zmq_msg_close(&chunk.bytes);
    }
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    cr_expect_eq(source_bytes(source), SIZE - STOOD);
    source_destroy(&source);
}

/* The mark at the end of all, as one reading makes it and as two do. */
static struct chunk last_chunk(const char *path, const struct stood *stood)
{
    struct chunker_config config = config_here();
    struct source *source = open_source(path, &config);
    struct chunk chunk, last;
    if (stood)
        cr_assert(start(source, stood), "%s", source_error(source));
    while (next_chunk(source, &chunk) == SOURCE_CHUNK) {
        last = chunk;
        zmq_msg_close(&chunk.bytes);
    }
    source_destroy(&source);
    return last;
}

static void expect_refused_with(const char *path, struct chunker_config config,
                                const struct stood *stood, const char *reason)
{
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    if (start(source, stood))
        cr_expect_eq(next_chunk(source, &chunk), SOURCE_FAILED);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_FAILED, "for good");
    cr_expect(strstr(source_error(source), reason), "%s", source_error(source));
    cr_expect(strstr(source_error(source), path ? path : "standard input"), "%s",
              source_error(source));
    cr_expect(strstr(source_error(source), ": cannot go on: "), "%s",
              source_error(source));
    source_destroy(&source);
}

static void expect_refused(const char *path, const struct stood *stood,
                           const char *reason)
{
    expect_refused_with(path, config_here(), stood, reason);
}

static void touch(const char *path, time_t second)
{
    struct timespec times[] = {{.tv_sec = second}, {.tv_sec = second}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Another byte in place, at another time. */
static void change(const char *path, off_t offset)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "X", 1, offset), 1);
    close(fd);
    touch(path, 2000);
}

/* ---- files ---- */

Test(source_start, goes_on_with_the_same_file_without_reading_it_again)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    expect_goes_on(path, &stood, false);
    unlink(path);
}

Test(source_start, makes_the_marks_that_one_reading_makes)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    struct chunk sought = last_chunk(path, &stood), whole = last_chunk(path, NULL);
    touch(path, 1000);
    struct chunk checked = last_chunk(path, &stood);
    cr_expect_eq(memcmp(sought.mark, whole.mark, whole.mark_size), 0);
    cr_expect_eq(memcmp(checked.mark, whole.mark, whole.mark_size), 0);
    unlink(path);
}

Test(source_start, reads_a_file_again_of_which_only_the_time_is_another)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    touch(path, 1000);
    expect_goes_on(path, &stood, true);
    unlink(path);
}

Test(source_start, refuses_a_file_that_was_changed_where_the_run_has_read)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    change(path, CONSUMED);
    expect_refused(path, &stood, "it differs before byte 100000, where the run stood");
    unlink(path);
}

Test(source_start, goes_on_with_a_file_that_was_changed_where_nobody_has_read)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    change(path, BEHIND);
    expect_goes_on(path, &stood, true);
    unlink(path);
}

Test(source_start, refuses_a_file_that_begins_or_ends_otherwise)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    change(path, IN_TAIL);
    expect_refused(path, &stood, "(it ends otherwise)");
    change(path, IN_HEAD);
    expect_refused(path, &stood, "(it begins otherwise)");
    unlink(path);
}

Test(source_start, refuses_a_file_of_another_size)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    cr_assert_eq(truncate(path, SIZE + 5), 0);
    expect_refused(path, &stood, "(its size was 300000, it is 300005); if it is");
    cr_assert_eq(truncate(path, STOOD - 1), 0);
    expect_refused(path, &stood, "(its size was 300000, it is 99999)");
    unlink(path);
}

Test(source_start, refuses_a_file_that_lost_what_was_appended_while_the_run_read_it)
{
    char path[64];
    char text[] = "one\ntwo\n";
    int fd = make_file(path, text, 4);
    touch(path, 1000);
    struct chunker_config config = blocks_of(4);
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    struct stood stood = {0};
    struct slice input = source_input(source);
    memcpy(stood.input, input.data, stood.input_size = input.size);
    cr_assert_eq(pwrite(fd, text + 4, 4, 4), 4);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
        zmq_msg_close(&chunk.bytes);
    }
    memcpy(stood.mark, chunk.mark, stood.mark_size = chunk.mark_size);
    source_destroy(&source);
    cr_assert_eq(ftruncate(fd, 4), 0);
    touch(path, 1000);
    expect_refused_with(path, config, &stood, "there is nothing at byte");
    close(fd);
    unlink(path);
}

Test(source_start, goes_on_with_a_file_on_standard_input_that_began_in_its_middle)
{
    char path[64];
    make_input(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(lseek(fd, 10 * LINE, SEEK_SET), 10 * LINE);
    dup2(fd, STDIN_FILENO);
    struct stood stood = begin(NULL, config_here());

    struct chunker_config config = config_here();
    struct source *source = open_source(NULL, &config);
    struct chunk chunk;
    cr_assert(start(source, &stood), "%s", source_error(source));
    cr_expect_eq(source_total(source), SIZE - STOOD - 10 * LINE);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    cr_expect_eq(chunk.offset, STOOD + 10 * LINE);
    cr_expect_eq(chunk.first_record, STOOD / LINE, "counted from where it began");
    zmq_msg_close(&chunk.bytes);
    cr_assert(source_reread(source, &chunk, &chunk.bytes), "%s", source_error(source));
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);

    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    expect_refused(NULL, &stood, "the run began at byte 1000 of it, and not at byte 0");
    close(fd);
    unlink(path);
}

/* ---- streams ---- */

Test(source_start, skips_what_the_run_has_read_of_a_stream_that_is_fed_again)
{
    feed_all();
    struct stood stood = begin(NULL, config_here());
    feed_all();
    expect_goes_on(NULL, &stood, true);
}

Test(source_start, waits_for_a_stream_without_blocking_while_it_skips)
{
    char *text = make_text();
    struct chunker_config config = config_here();
    struct chunk chunk;
    feed_all();
    struct stood stood = begin(NULL, config);
    int fd = feed(text, STOOD - 10);
    struct source *source = open_source(NULL, &config);
    cr_assert(start(source, &stood));
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    cr_expect(source_checks(source));
    cr_assert_eq(write(fd, text + STOOD - 10, 10 + LINE), 10 + LINE);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    cr_expect(!source_checks(source));
    close(fd);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    cr_expect_eq(chunk.offset, STOOD);
    cr_expect_eq(chunk.length, LINE);
    cr_expect_eq(memcmp(zmq_msg_data(&chunk.bytes), text + STOOD, LINE), 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    free(text);
}

Test(source_start, refuses_a_stream_that_is_another)
{
    char *text = make_text();
    feed_all();
    struct stood stood = begin(NULL, config_here());
    text[CONSUMED] = 'X';
    close(feed(text, SIZE));
    expect_refused(NULL, &stood, "it differs before byte 100000, where the run stood");
    free(text);
}

Test(source_start, refuses_a_stream_that_ends_too_early)
{
    char *text = make_text();
    feed_all();
    struct stood stood = begin(NULL, config_here());
    close(feed(text, STOOD - LINE));
    expect_refused(NULL, &stood,
                   "it ends at byte 99900, and the run stood at byte 100000");
    free(text);
}

/* ---- files and streams ---- */

Test(source_start, goes_on_with_a_stream_of_a_file_and_the_other_way_round)
{
    char path[64];
    make_input(path);
    struct stood stood = begin(path, config_here());
    feed_all();
    expect_goes_on(NULL, &stood, true);
    feed_all();
    stood = begin(NULL, config_here());
    expect_goes_on(path, &stood, true);
    change(path, CONSUMED);
    expect_refused(path, &stood, "it differs before byte 100000");
    unlink(path);
}

Test(source_start, counts_on_as_the_run_began_where_the_file_lies_elsewhere)
{
    char path[64], *text = make_text(), *longer = malloc(SIZE + 7);
    struct chunker_config config = config_here();
    struct chunk chunk;
    memset(longer, 'x', 7);
    memcpy(longer + 7, text, SIZE);
    feed_all();
    struct stood stood = begin(NULL, config);
    int fd = make_file(path, longer, SIZE + 7);
    cr_assert_eq(lseek(fd, 7, SEEK_SET), 7);
    dup2(fd, STDIN_FILENO);
    struct source *source = open_source(NULL, &config);
    cr_assert(start(source, &stood));
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    cr_expect_eq(chunk.offset, STOOD);
    zmq_msg_close(&chunk.bytes);
    cr_assert(source_reread(source, &chunk, &chunk.bytes), "%s", source_error(source));
    cr_expect_eq(memcmp(zmq_msg_data(&chunk.bytes), text + STOOD, CHUNK), 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    close(fd);
    unlink(path);
    free(text);
    free(longer);
}

/* ---- options ---- */

Test(source_start, names_the_option_that_is_another)
{
    char path[64];
    make_input(path);
    struct chunker_config config = config_here(), other = config;
    struct stood stood = begin(path, config);
    other.block_bytes = 7000;
    expect_refused_with(path, other, &stood,
                        "the run began with --block 50000, not --block 7000");
    other = config;
    other.records = 500;
    expect_refused_with(path, other, &stood, "the run began without -N 500");
    other = config;
    other.format.lines = 2;
    expect_refused_with(path, other, &stood, "the run began with -L 1, not -L 2");
    other = config;
    other.format.end[0] = '\0';
    expect_refused_with(path, other, &stood, "what a record is was another thing");

    config.records = 500;
    stood = begin(path, config);
    expect_refused_with(path, config_here(), &stood, "the run began with -N 500");
    other = config;
    other.records = 7;
    expect_refused_with(path, other, &stood, "the run began with -N 500, not -N 7");
    other = config;
    other.block_bytes = 5;
    other.max_record_bytes = 1000;
    struct source *source = open_source(path, &other);
    cr_expect(start(source, &stood), "with -N the block is of no account: %s",
              source_error(source));
    source_destroy(&source);
    unlink(path);
}

/* Of no input: what the options say. */
static struct source_identity identity_of(uint64_t header_lines, uint64_t header_out)
{
    const struct chunker_config config = config_here();
    const struct source_cut cut = {
        .chunker = &config, .header_lines = header_lines, .header_out = header_out};
    struct source_identity written = source_identity_begin(&cut), read;
    uint8_t bytes[SOURCE_IDENTITY_SIZE];
    written.kind = SOURCE_KIND_STREAM;
    source_identity_write(&written, bytes);
    cr_assert(source_identity_read((struct slice){bytes, sizeof bytes}, &read));
    return read;
}

static void expect_match(const struct source_identity *began,
                         const struct source_identity *now, enum source_match match,
                         const char *reason)
{
    char said[256] = "";
    cr_assert_eq(source_identity_match(began, now, said, sizeof said), match);
    cr_assert_str_eq(said, reason);
}

Test(source_start, names_the_header_that_is_another)
{
    struct source_identity began = identity_of(1, 2), same = identity_of(1, 2);
    struct source_identity in = identity_of(3, 2), out = identity_of(1, 0);
    expect_match(&began, &same, SOURCE_PERHAPS, "");
    expect_match(&began, &in, SOURCE_OTHER,
                 "the run began with --header 1, not --header 3");
    expect_match(&began, &out, SOURCE_OTHER,
                 "the run began with --header-out 2, not --header-out 0");
}

Test(source_start, goes_on_with_chunks_of_another_length_where_the_block_is_auto)
{
    char path[64];
    make_input(path);
    struct chunker_config fixed = config_here(), config = fixed, other;
    struct stood stood = begin(path, fixed);
    config.block_auto = true;
    expect_refused_with(path, config, &stood, "the run began without --block auto");
    stood = begin(path, config);
    expect_refused_with(path, fixed, &stood, "the run began with --block auto");
    other = config;
    other.block_bytes = 7000;
    struct source *source = open_source(path, &other);
    source_set_block(source, 5);
    cr_expect(start(source, &stood), "%s", source_error(source));
    source_destroy(&source);
    unlink(path);
}

/* ---- what is no mark ---- */

Test(source_start, begins_anew_where_nothing_was_read)
{
    char path[64];
    struct chunker_config config = config_here();
    make_input(path);
    struct stood stood = begin(path, config);
    stood.mark_size = 0;
    touch(path, 1000);
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    cr_assert(start(source, &stood), "%s", source_error(source));
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    cr_expect_eq(chunk.offset, 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    change(path, IN_HEAD);
    expect_refused(path, &stood, "(it begins otherwise)");

    stood.input_size = 0;
    source = open_source(path, &config);
    cr_expect(start(source, &stood));
    source_destroy(&source);
    unlink(path);
}

Test(source_start, refuses_what_another_version_wrote)
{
    char path[64];
    make_input(path);
    struct stood good = begin(path, config_here()), bad = good;
    bad.mark[0] = 9;
    expect_refused(path, &bad, "another version");
    bad = good;
    bad.mark[1] = 3;
    expect_refused(path, &bad, "another version");
    bad = good;
    bad.mark_size--;
    expect_refused(path, &bad, "another version");
    bad = good;
    bad.input[0] = 9;
    expect_refused(path, &bad, "another version");
    bad = good;
    bad.input_size = 0;
    expect_refused(path, &bad, "another version");
    bad = good;
    memset(bad.mark + 2, 0xff, 8); /* an offset beyond all */
    expect_refused(path, &bad, "there is nothing at byte");
    unlink(path);
}
