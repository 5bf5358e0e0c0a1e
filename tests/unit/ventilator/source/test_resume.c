/* SPDX-License-Identifier: MIT */
/* A run resumes with its input where it stopped, and refuses any other input. */
#include "tests/unit/ventilator/source/input_fixture.h"
#include "ventilator/source/input_fingerprint.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A line has 100 bytes, and a chunk 500 lines. The file is longer than its head, its
 * tail (64 KiB each) and two chunks. */
enum { LINE = 100, CHUNK = 50000, STOPPED = 2 * CHUNK, SIZE = 300000 };
/* Bytes that neither head nor tail has: consumed, and not. */
enum { CONSUMED = 90000, BEHIND = 200000, IN_TAIL = 299000, IN_HEAD = 1000 };

struct stopped {
    uint8_t mark[INPUT_MARK_MAX], input[INPUT_MAX_BYTES];
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
static int ingest(const char *text, size_t size)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), SIZE);
    cr_assert_eq(write(ends[1], text, size), (ssize_t)size);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return ends[1];
}

static void ingest_all(void)
{
    char *text = make_text();
    close(ingest(text, SIZE));
    free(text);
}

/* Cuts two chunks and leaves. */
static struct stopped begin(const char *path, struct chunker_config config)
{
    struct stopped stopped = {0};
    struct chunk chunk;
    struct source *source = open_source(path, &config);
    struct slice input = source_input(source);
    cr_assert_leq(input.size, INPUT_MAX_BYTES);
    memcpy(stopped.input, input.data, stopped.input_size = input.size);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s",
                     source_error(source));
        zmq_msg_close(&chunk.bytes);
    }
    memcpy(stopped.mark, chunk.mark, stopped.mark_size = chunk.mark_size);
    source_destroy(&source);
    return stopped;
}

static bool start(struct source *source, const struct stopped *stopped)
{
    return source_start(source, (struct slice){stopped->mark, stopped->mark_size},
                        (struct slice){stopped->input, stopped->input_size});
}

/* The rest comes as if nothing had been in between. `shift`: bytes that the run did not
 * read. `checks`: it has to read again. */
static void expect_resumes(const char *path, const struct stopped *stopped, bool checks)
{
    struct chunker_config config = config_here();
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    cr_assert(start(source, stopped), "%s", source_error(source));
    cr_expect_eq(source_checks(source), checks);
    for (uint64_t at = STOPPED; at < SIZE; at += CHUNK) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s",
                     source_error(source));
        cr_expect_eq(chunk.offset, at);
        cr_expect_eq(chunk.first_record, at / LINE);
        cr_expect_eq(chunk.records, CHUNK / LINE);
        zmq_msg_close(&chunk.bytes);
    }
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
    cr_expect_eq(source_bytes(source), SIZE - STOPPED);
    cr_expect_eq(source_bytes_before(source), STOPPED);
    source_destroy(&source);
}

/* The mark at the end of all, as one reading makes it and as two do. */
static struct chunk last_chunk(const char *path, const struct stopped *stopped)
{
    struct chunker_config config = config_here();
    struct source *source = open_source(path, &config);
    struct chunk chunk, last;
    if (stopped)
        cr_assert(start(source, stopped), "%s", source_error(source));
    while (next_chunk(source, &chunk) == SOURCE_CHUNK) {
        last = chunk;
        zmq_msg_close(&chunk.bytes);
    }
    source_destroy(&source);
    return last;
}

static void expect_refused_with(const char *path, struct chunker_config config,
                                const struct stopped *stopped, const char *reason)
{
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    if (start(source, stopped))
        cr_expect_eq(next_chunk(source, &chunk), SOURCE_FAILED);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_FAILED, "for good");
    cr_expect(strstr(source_error(source), reason), "%s", source_error(source));
    cr_expect(strstr(source_error(source), path ? path : "standard input"), "%s",
              source_error(source));
    cr_expect(strstr(source_error(source), ": cannot resume: "), "%s",
              source_error(source));
    source_destroy(&source);
}

static void expect_refused(const char *path, const struct stopped *stopped,
                           const char *reason)
{
    expect_refused_with(path, config_here(), stopped, reason);
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

Test(resume, resumes_with_the_same_file_without_reading_it_again)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    expect_resumes(path, &stopped, false);
    unlink(path);
}

Test(resume, makes_the_marks_that_one_reading_makes)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    struct chunk sought = last_chunk(path, &stopped), whole = last_chunk(path, NULL);
    touch(path, 1000);
    struct chunk checked = last_chunk(path, &stopped);
    cr_expect_eq(memcmp(sought.mark, whole.mark, whole.mark_size), 0);
    cr_expect_eq(memcmp(checked.mark, whole.mark, whole.mark_size), 0);
    unlink(path);
}

Test(resume, reads_a_file_again_of_which_only_the_time_is_another)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    touch(path, 1000);
    expect_resumes(path, &stopped, true);
    unlink(path);
}

Test(resume, refuses_a_file_that_was_changed_where_the_run_has_read)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    change(path, CONSUMED);
    expect_refused(path, &stopped,
                   "it differs before byte 100000, where the run stopped");
    unlink(path);
}

Test(resume, resumes_with_a_file_that_was_changed_where_nobody_has_read)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    change(path, BEHIND);
    expect_resumes(path, &stopped, true);
    unlink(path);
}

Test(resume, refuses_a_file_that_begins_or_ends_differently)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    change(path, IN_TAIL);
    expect_refused(path, &stopped, "(it ends differently)");
    change(path, IN_HEAD);
    expect_refused(path, &stopped, "(it begins differently)");
    unlink(path);
}

Test(resume, refuses_a_file_of_another_size)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    cr_assert_eq(truncate(path, SIZE + 5), 0);
    expect_refused(path, &stopped, "(its size was 300000, it is 300005); if the part");
    cr_assert_eq(truncate(path, STOPPED - 1), 0);
    expect_refused(path, &stopped, "(its size was 300000, it is 99999)");
    unlink(path);
}

Test(resume, refuses_a_file_that_lost_what_was_appended_while_the_run_read_it)
{
    char path[64];
    char text[] = "one\ntwo\n";
    int fd = make_file(path, text, 4);
    touch(path, 1000);
    struct chunker_config config = blocks_of(4);
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    struct stopped stopped = {0};
    struct slice input = source_input(source);
    memcpy(stopped.input, input.data, stopped.input_size = input.size);
    cr_assert_eq(pwrite(fd, text + 4, 4, 4), 4);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
        zmq_msg_close(&chunk.bytes);
    }
    memcpy(stopped.mark, chunk.mark, stopped.mark_size = chunk.mark_size);
    source_destroy(&source);
    cr_assert_eq(ftruncate(fd, 4), 0);
    touch(path, 1000);
    expect_refused_with(path, config, &stopped, "there is nothing at byte");
    close(fd);
    unlink(path);
}

Test(resume, resumes_with_a_file_on_standard_input_that_began_in_its_middle)
{
    char path[64];
    make_input(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(lseek(fd, 10 * LINE, SEEK_SET), 10 * LINE);
    dup2(fd, STDIN_FILENO);
    struct stopped stopped = begin(NULL, config_here());

    struct chunker_config config = config_here();
    struct source *source = open_source(NULL, &config);
    struct chunk chunk;
    cr_assert(start(source, &stopped), "%s", source_error(source));
    cr_expect_eq(source_total(source), SIZE - STOPPED - 10 * LINE);
    cr_expect_eq(source_bytes_before(source), STOPPED);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    cr_expect_eq(chunk.offset, STOPPED + 10 * LINE);
    cr_expect_eq(chunk.first_record, STOPPED / LINE, "counted from where it began");
    zmq_msg_close(&chunk.bytes);
    cr_assert(source_reread(source, &chunk, &chunk.bytes), "%s", source_error(source));
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);

    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    expect_refused(NULL, &stopped,
                   "the run began at byte 1000 of it, and not at byte 0");
    close(fd);
    unlink(path);
}

/* ---- streams ---- */

Test(resume, skips_what_the_run_has_read_of_a_stream_that_comes_again)
{
    ingest_all();
    struct stopped stopped = begin(NULL, config_here());
    ingest_all();
    expect_resumes(NULL, &stopped, true);
}

Test(resume, waits_for_a_stream_without_blocking_while_it_skips)
{
    char *text = make_text();
    struct chunker_config config = config_here();
    struct chunk chunk;
    ingest_all();
    struct stopped stopped = begin(NULL, config);
    int fd = ingest(text, STOPPED - 10);
    struct source *source = open_source(NULL, &config);
    cr_assert(start(source, &stopped));
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    cr_expect(source_checks(source));
    cr_assert_eq(write(fd, text + STOPPED - 10, 10 + LINE), 10 + LINE);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_WAITS);
    cr_expect(!source_checks(source));
    close(fd);
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK);
    cr_expect_eq(chunk.offset, STOPPED);
    cr_expect_eq(chunk.length, LINE);
    cr_expect_eq(memcmp(zmq_msg_data(&chunk.bytes), text + STOPPED, LINE), 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    free(text);
}

Test(resume, refuses_a_stream_that_is_another)
{
    char *text = make_text();
    ingest_all();
    struct stopped stopped = begin(NULL, config_here());
    text[CONSUMED] = 'X';
    close(ingest(text, SIZE));
    expect_refused(NULL, &stopped,
                   "it differs before byte 100000, where the run stopped");
    free(text);
}

Test(resume, refuses_a_stream_that_ends_too_early)
{
    char *text = make_text();
    ingest_all();
    struct stopped stopped = begin(NULL, config_here());
    close(ingest(text, STOPPED - LINE));
    expect_refused(NULL, &stopped,
                   "it ends at byte 99900, and the run stopped at byte 100000");
    free(text);
}

/* ---- files and streams ---- */

Test(resume, resumes_with_a_stream_of_a_file_and_the_other_way_round)
{
    char path[64];
    make_input(path);
    struct stopped stopped = begin(path, config_here());
    ingest_all();
    expect_resumes(NULL, &stopped, true);
    ingest_all();
    stopped = begin(NULL, config_here());
    expect_resumes(path, &stopped, true);
    change(path, CONSUMED);
    expect_refused(path, &stopped, "it differs before byte 100000");
    unlink(path);
}

Test(resume, counts_as_the_run_began_where_the_file_lies_elsewhere)
{
    char path[64], *text = make_text(), *longer = malloc(SIZE + 7);
    struct chunker_config config = config_here();
    struct chunk chunk;
    memset(longer, 'x', 7);
    memcpy(longer + 7, text, SIZE);
    ingest_all();
    struct stopped stopped = begin(NULL, config);
    int fd = make_file(path, longer, SIZE + 7);
    cr_assert_eq(lseek(fd, 7, SEEK_SET), 7);
    dup2(fd, STDIN_FILENO);
    struct source *source = open_source(NULL, &config);
    cr_assert(start(source, &stopped));
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    cr_expect_eq(chunk.offset, STOPPED);
    zmq_msg_close(&chunk.bytes);
    cr_assert(source_reread(source, &chunk, &chunk.bytes), "%s", source_error(source));
    cr_expect_eq(memcmp(zmq_msg_data(&chunk.bytes), text + STOPPED, CHUNK), 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    close(fd);
    unlink(path);
    free(text);
    free(longer);
}

/* ---- options ---- */

Test(resume, names_the_option_that_is_another)
{
    char path[64];
    make_input(path);
    struct chunker_config config = config_here(), other = config;
    struct stopped stopped = begin(path, config);
    other.block_bytes = 7000;
    expect_refused_with(path, other, &stopped,
                        "the run began with --block 50000, not --block 7000");
    other = config;
    other.records = 500;
    expect_refused_with(path, other, &stopped, "the run began without -N 500");
    other = config;
    other.format.lines = 2;
    expect_refused_with(path, other, &stopped, "the run began with -L 1, not -L 2");
    other = config;
    other.format.end[0] = '\0';
    expect_refused_with(path, other, &stopped,
                        "the run began with another record format");

    config.records = 500;
    stopped = begin(path, config);
    expect_refused_with(path, config_here(), &stopped, "the run began with -N 500");
    other = config;
    other.records = 7;
    expect_refused_with(path, other, &stopped, "the run began with -N 500, not -N 7");
    other = config;
    other.block_bytes = 5;
    other.max_record_bytes = 1000;
    struct source *source = open_source(path, &other);
    cr_expect(start(source, &stopped), "with -N the block is of no account: %s",
              source_error(source));
    source_destroy(&source);
    unlink(path);
}

/* Of no input: what the options say. */
static struct input_fingerprint fingerprint_of(uint64_t header_lines,
                                               uint64_t header_out)
{
    const struct chunker_config config = config_here();
    const struct source_cut cut = {
        .chunker = &config, .header_lines = header_lines, .header_out = header_out};
    struct input_fingerprint written = input_fingerprint_begin(&cut), read;
    uint8_t bytes[INPUT_FINGERPRINT_SIZE];
    written.kind = SOURCE_KIND_STREAM;
    input_fingerprint_write(&written, bytes);
    cr_assert(input_fingerprint_read((struct slice){bytes, sizeof bytes}, &read));
    return read;
}

static void expect_match(const struct input_fingerprint *began,
                         const struct input_fingerprint *now, enum input_match match,
                         const char *reason)
{
    char said[256] = "";
    cr_assert_eq(input_fingerprint_match(began, now, said, sizeof said), match);
    cr_assert_str_eq(said, reason);
}

Test(resume, names_the_header_that_is_another)
{
    struct input_fingerprint began = fingerprint_of(1, 2), same = fingerprint_of(1, 2);
    struct input_fingerprint in = fingerprint_of(3, 2), out = fingerprint_of(1, 0);
    expect_match(&began, &same, INPUT_PERHAPS, "");
    expect_match(&began, &in, INPUT_OTHER,
                 "the run began with --header 1, not --header 3");
    expect_match(&began, &out, INPUT_OTHER,
                 "the run began with --header-out 2, not --header-out 0");
}

Test(resume, resumes_with_chunks_of_another_length_where_the_block_is_auto)
{
    char path[64];
    make_input(path);
    struct chunker_config fixed = config_here(), config = fixed, other;
    struct stopped stopped = begin(path, fixed);
    config.block_auto = true;
    expect_refused_with(path, config, &stopped, "the run began without --block auto");
    stopped = begin(path, config);
    expect_refused_with(path, fixed, &stopped, "the run began with --block auto");
    other = config;
    other.block_bytes = 7000;
    struct source *source = open_source(path, &other);
    source_set_block(source, 5);
    cr_expect(start(source, &stopped), "%s", source_error(source));
    source_destroy(&source);
    unlink(path);
}

/* ---- what is no mark ---- */

Test(resume, starts_over_where_nothing_was_read)
{
    char path[64];
    struct chunker_config config = config_here();
    make_input(path);
    struct stopped stopped = begin(path, config);
    stopped.mark_size = 0;
    touch(path, 1000);
    struct source *source = open_source(path, &config);
    struct chunk chunk;
    cr_assert(start(source, &stopped), "%s", source_error(source));
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    cr_expect_eq(chunk.offset, 0);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    change(path, IN_HEAD);
    expect_refused(path, &stopped, "(it begins differently)");

    stopped.input_size = 0;
    source = open_source(path, &config);
    cr_expect(start(source, &stopped));
    source_destroy(&source);
    unlink(path);
}

Test(resume, refuses_a_mark_of_another_version)
{
    char path[64];
    make_input(path);
    struct stopped good = begin(path, config_here()), bad = good;
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
