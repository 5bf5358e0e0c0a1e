/* SPDX-License-Identifier: MIT */
/* Several inputs, headers, whole files, and what is decompressed on the way. */
#include "tests/unit/ventilator/source/input_fixture.h"

#include "common/protocol/input_mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { FILES_MAX = 4 };

/* Files with these texts; NULL ends them. */
struct files {
    char paths[FILES_MAX][64];
    const char *list[FILES_MAX];
    uint32_t count;
};

static void make_files(struct files *files, const char *const *texts)
{
    *files = (struct files){.count = 0};
    for (; texts[files->count]; files->count++) {
        const char *text = texts[files->count];
        close(make_file(files->paths[files->count], text, strlen(text)));
        files->list[files->count] = files->paths[files->count];
    }
}

static void remove_files(const struct files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        unlink(files->paths[i]);
}

static struct source_config config_of(const struct files *files, uint64_t block_bytes)
{
    return (struct source_config){.paths = files->list,
                                  .count = files->count,
                                  .chunker = blocks_of(block_bytes),
                                  .program = VENTILATOR};
}

#define TEXTS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

/* The next outcome that is no wait, which a child makes as long as it takes. */
static enum source_outcome await(struct source *source, struct chunk *chunk)
{
    enum source_outcome outcome;
    while ((outcome = next_chunk(source, chunk)) == SOURCE_WAITS) {
        struct pollfd ready = {.fd = source_fd(source), .events = POLLIN};
        poll(&ready, 1, -1);
    }
    return outcome;
}

static struct chunk take_chunk(struct source *source)
{
    struct chunk chunk;
    cr_assert_eq(await(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    return chunk;
}

static void expect_place(struct source *source, uint32_t input, uint64_t offset,
                         uint64_t record, const char *text)
{
    struct chunk chunk = take_chunk(source);
    cr_expect_eq(chunk.input, input, "%s", text);
    cr_expect_eq(chunk.offset, offset, "%s", text);
    cr_expect_eq(chunk.first_record, record, "%s", text);
    expect_bytes(&chunk.bytes, text);
}

static void expect_end(struct source *source)
{
    struct chunk chunk;
    cr_expect_eq(await(source, &chunk), SOURCE_ENDED, "%s", source_error(source));
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_ENDED);
}

static void expect_failure(struct source *source, const char *reason)
{
    struct chunk chunk;
    cr_expect_eq(await(source, &chunk), SOURCE_FAILED);
    cr_expect_eq(next_chunk(source, &chunk), SOURCE_FAILED, "for good");
    cr_expect(strstr(source_error(source), reason), "%s", source_error(source));
}

/* ---- several ---- */

Test(inputs, begin_a_chunk_each_and_number_records_through_all)
{
    struct files files;
    make_files(&files, TEXTS("a\nb\n", "", "c", "d\ne\nf\n"));
    struct source_config config = config_of(&files, 4);
    struct source *source = open_sources(&config);
    cr_expect_eq(source_total(source), 11);
    expect_place(source, 0, 0, 0, "a\nb\n");
    expect_place(source, 2, 0, 2, "c\n"); /* its end is added */
    expect_place(source, 3, 0, 3, "d\ne\n");
    expect_place(source, 3, 4, 5, "f\n");
    expect_end(source);
    cr_expect_eq(source_bytes(source), 11);
    cr_expect_str_eq(source_name(source, 2), files.paths[2]);
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, are_read_again_in_the_file_that_a_chunk_is_of)
{
    struct files files;
    zmq_msg_t bytes;
    make_files(&files, TEXTS("a\nb\n", "c\nd\n", "e\n"));
    struct source_config config = config_of(&files, 2);
    struct source *source = open_sources(&config);
    struct chunk chunks[5];
    for (int i = 0; i < 5; i++) {
        chunks[i] = take_chunk(source);
        zmq_msg_close(&chunks[i].bytes);
    }
    for (int i = 4; i >= 0; i--) {
        char text[] = {(char)('a' + i), '\n', '\0'};
        cr_assert(source_reread(source, &chunks[i], &bytes), "%s",
                  source_error(source));
        expect_bytes(&bytes, text);
    }
    int fd = open(files.paths[1], O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "X", 1, 0), 1);
    close(fd);
    cr_expect(source_reread(source, &chunks[0], &bytes));
    zmq_msg_close(&bytes);
    cr_expect(source_reread(source, &chunks[4], &bytes), "others are the same");
    zmq_msg_close(&bytes);
    cr_expect(!source_reread(source, &chunks[2], &bytes));
    cr_expect(strstr(source_error(source), files.paths[1]), "%s", source_error(source));
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, give_a_chunk_each_as_whole_files_the_empty_one_too)
{
    struct files files;
    make_files(&files, TEXTS("a\nb\n", "", "c"));
    struct source_config config = config_of(&files, 2);
    config.whole_files = true;
    config.chunker.format = (struct record_format){.kind = RECORDS_WHOLE};
    struct source *source = open_sources(&config);
    expect_place(source, 0, 0, 0, "a\nb\n");
    expect_place(source, 1, 0, 1, "");
    expect_place(source, 2, 0, 2, "c");
    expect_end(source);
    source_destroy(&source);
    remove_files(&files);
}

/* ---- headers ---- */

Test(inputs, begin_with_a_header_that_is_no_record)
{
    struct files files;
    make_files(&files, TEXTS("h\ni\na\nb\n", "", "h\ni", "h\ni\nc"));
    struct source_config config = config_of(&files, 100);
    config.header_lines = 2;
    struct source *source = open_sources(&config);
    cr_expect(!source_knows_header(source));
    expect_place(source, 0, 4, 0, "a\nb\n");
    cr_expect(source_knows_header(source));
    struct slice header = source_header(source);
    cr_expect_eq(header.size, 4);
    cr_expect_eq(memcmp(header.data, "h\ni\n", 4), 0);
    expect_place(source, 3, 4, 2, "c");
    expect_end(source);
    cr_expect_eq(source_bytes(source), source_total(source));
    source_destroy(&source);
    remove_files(&files);
}

/* One chunk without records at the end of all, where results have a header. */
static void expect_header_alone(const char *const *texts, uint32_t header_out,
                                bool is_chunk)
{
    struct files files;
    make_files(&files, texts);
    struct source_config config = config_of(&files, 100);
    config.header_lines = 1;
    config.header_out = header_out;
    struct source *source = open_sources(&config);
    struct chunk chunk;
    if (is_chunk) {
        chunk = take_chunk(source);
        cr_expect_eq(chunk.length, 0);
        cr_expect_eq(chunk.records, 0);
        cr_expect_eq(chunk.input, files.count - 1);
        zmq_msg_close(&chunk.bytes);
    }
    cr_expect_eq(await(source, &chunk), SOURCE_ENDED);
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, are_a_chunk_where_they_are_nothing_but_a_header_and_results_have_one)
{
    expect_header_alone(TEXTS("h\n"), 1, true);
    expect_header_alone(TEXTS("h"), 1, true);
    expect_header_alone(TEXTS("", "h\n", "h\n", ""), 1, true);
    expect_header_alone(TEXTS("h\n"), 0, false);
    expect_header_alone(TEXTS("", ""), 1, false);
}

Test(inputs, are_refused_where_their_header_is_another)
{
    struct files files;
    make_files(&files, TEXTS("h\ni\na\n", "h\nj\nb\n"));
    struct source_config config = config_of(&files, 100);
    config.header_lines = 2;
    struct source *source = open_sources(&config);
    expect_place(source, 0, 4, 0, "a\n");
    expect_failure(source, "(line 2 of --header is \"j\", not \"i\")");
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, are_refused_where_their_header_is_longer_than_welcome_has_room)
{
    enum { MOST = RECORDS_HEADER_MAX };
    char path[64], *text = malloc(MOST + 2);
    const char *list[] = {path};
    memset(text, 'x', MOST + 1);
    text[MOST - 1] = text[MOST + 1] = '\n';
    struct source_config config = {
        .paths = list, .count = 1, .chunker = blocks_of(100), .header_lines = 1};
    close(make_file(path, text, MOST + 2));
    struct source *source = open_sources(&config);
    expect_place(source, 0, MOST, 0, "x\n");
    cr_expect_eq(source_header(source).size, MOST);
    source_destroy(&source);
    unlink(path);

    text[MOST - 1] = 'x';
    text[MOST] = '\n';
    close(make_file(path, text, MOST + 2));
    source = open_sources(&config);
    expect_failure(source, "its header, 1 line, is longer than 65536 bytes");
    source_destroy(&source);
    unlink(path);
    free(text);
}

static void expect_input(const struct chunk *chunk, const char *name)
{
    struct slice input = mark_input((struct slice){chunk->mark, chunk->mark_size});
    cr_expect(input.size == strlen(name) && memcmp(input.data, name, input.size) == 0,
              "'%.*s', not '%s'", (int)input.size, (const char *)input.data, name);
}

Test(inputs, are_named_by_marks_where_there_are_several)
{
    struct files files;
    make_files(&files, TEXTS("a\n", "b\n"));
    struct source_config config = config_of(&files, 100);
    struct source *source = open_sources(&config);
    for (uint32_t i = 0; i < 2; i++) {
        struct chunk chunk = take_chunk(source);
        expect_input(&chunk, files.paths[i]);
        zmq_msg_close(&chunk.bytes);
    }
    source_destroy(&source);
    config.count = 1;
    source = open_sources(&config);
    struct chunk chunk = take_chunk(source);
    expect_input(&chunk, "");
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, are_named_by_the_end_of_a_name_that_is_long)
{
    enum { NAME = 300, SAID = 118 };
    char folder[] = "/tmp/fanfold-test-XXXXXX", path[NAME + 1], said[SAID + 1];
    cr_assert_not_null(mkdtemp(folder));
    int head = sprintf(path, "%s/", folder);
    memset(path + head, 'x', 200);
    strcpy(path + head + 200, ".csv");
    sprintf(said, "...%s", path + strlen(path) - (SAID - 3));
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("a\n", file);
    fclose(file);
    struct source_config config = {.paths = (const char *[]){path, path},
                                   .count = 2,
                                   .chunker = blocks_of(100),
                                   .program = VENTILATOR};
    struct source *source = open_sources(&config);
    struct chunk chunk = take_chunk(source);
    expect_input(&chunk, said);
    zmq_msg_close(&chunk.bytes);
    source_destroy(&source);
    unlink(path);
    rmdir(folder);
}

/* ---- going on ---- */

struct stopped {
    uint8_t mark[INPUT_MARK_MAX], input[INPUT_MAX_BYTES];
    size_t mark_size, input_size;
};

static struct stopped begin(const struct source_config *config, int chunks)
{
    struct stopped stopped = {.mark_size = 0};
    struct source *source = open_sources(config);
    struct slice input = source_input(source);
    memcpy(stopped.input, input.data, stopped.input_size = input.size);
    while (chunks-- > 0) {
        struct chunk chunk = take_chunk(source);
        memcpy(stopped.mark, chunk.mark, stopped.mark_size = chunk.mark_size);
        zmq_msg_close(&chunk.bytes);
    }
    source_destroy(&source);
    return stopped;
}

static bool start(struct source *source, const struct stopped *stopped)
{
    return source_start(source, (struct slice){stopped->mark, stopped->mark_size},
                        (struct slice){stopped->input, stopped->input_size});
}

static void touch(const char *path)
{
    struct timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* From any place, with files that are surely the same, and that only may be. */
static void expect_resumes_anywhere(struct source_config *config, const char *touched)
{
    static const char *const all[] = {"a\nb\n", "c\n", "d\n", "e\nf\n", "g\n"};
    for (int chunks_before = 0; chunks_before <= 5; chunks_before++)
        for (int round = 0; round < 2; round++) {
            struct stopped stopped = begin(config, chunks_before);
            if (round)
                touch(touched);
            struct source *source = open_sources(config);
            cr_assert(start(source, &stopped), "%s", source_error(source));
            for (int i = chunks_before; i < 5; i++) {
                struct chunk chunk = take_chunk(source);
                expect_bytes(&chunk.bytes, all[i]);
                if (i == chunks_before && source_can_reread(source)) {
                    cr_assert(source_reread(source, &chunk, &chunk.bytes));
                    expect_bytes(&chunk.bytes, all[i]);
                }
            }
            expect_end(source);
            source_destroy(&source);
        }
}

Test(inputs, resume_in_any_of_them)
{
    struct files files;
    make_files(&files, TEXTS("a\nb\nc\n", "", "d", "e\nf\ng\n"));
    struct source_config config = config_of(&files, 4);
    expect_resumes_anywhere(&config, files.paths[0]);
    remove_files(&files);
}

Test(inputs, resume_behind_a_header)
{
    struct files files;
    make_files(&files, TEXTS("h\na\nb\nc\n", "", "h\nd", "h\ne\nf\ng\n"));
    struct source_config config = config_of(&files, 4);
    config.header_lines = 1;
    expect_resumes_anywhere(&config, files.paths[2]);
    remove_files(&files);
}

/* ---- the seam between two ---- */

static struct source_config config_of_csv(const struct files *files)
{
    struct source_config config = config_of(files, 100);
    config.chunker.records = 1;
    config.chunker.format = (struct record_format){.kind = RECORDS_CSV};
    return config;
}

/* The newline that is added is that of the lines before it, also where those are only
 * read by the run that was before. */
static void expect_rows(struct source_config *config, const char *const *rows,
                        int count, const char *touched)
{
    for (int before = 0; before <= count; before++)
        for (int round = 0; round < 2; round++) {
            struct stopped stopped = begin(config, before);
            if (round)
                touch(touched);
            struct source *source = open_sources(config);
            cr_assert(start(source, &stopped), "%s", source_error(source));
            for (int i = before; i < count; i++) {
                struct chunk chunk = take_chunk(source);
                zmq_msg_t again;
                cr_assert(source_reread(source, &chunk, &again));
                expect_bytes(&chunk.bytes, rows[i]);
                expect_bytes(&again, rows[i]);
            }
            expect_end(source);
            source_destroy(&source);
        }
}

Test(inputs, end_their_last_record_as_the_others_wherever_the_run_resumes)
{
    static const char *const rows[] = {"a\r\n", "b\r\n", "c\n", "d\n", "e\r\n", "f"};
    struct files files;
    make_files(&files, TEXTS("a\r\nb", "c\nd", "e\r", "f"));
    struct source_config config = config_of_csv(&files);
    expect_rows(&config, rows, 6, files.paths[0]);
    remove_files(&files);
    make_files(&files, TEXTS("h\r\na", "h\r\nb", "h\r\n"));
    config = config_of_csv(&files);
    config.header_lines = 1;
    static const char *const behind[] = {"a\r\n", "b\r\n"};
    expect_rows(&config, behind, 2, files.paths[0]);
    remove_files(&files);
}

Test(inputs, count_their_own_bytes_alone)
{
    struct files files;
    make_files(&files, TEXTS("ab", "c"));
    struct source_config config = config_of(&files, 100);
    struct source *source = open_sources(&config);
    struct chunk chunk = take_chunk(source);
    cr_expect_eq(chunk.length, 3);
    cr_expect_eq(chunk_input_length(&chunk), 2);
    cr_expect_eq(source_bytes(source), 2);
    cr_expect_eq(source_pending(source), 0);
    struct input_mark mark;
    cr_assert(input_mark_read((struct slice){chunk.mark, chunk.mark_size}, &mark));
    cr_expect_eq(mark.offset, 2);
    cr_expect_eq(mark.record, 1);
    expect_bytes(&chunk.bytes, "ab\n");
    expect_place(source, 1, 0, 1, "c");
    expect_end(source);
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, whose_last_record_cannot_be_ended_are_refused_unless_they_come_last)
{
    struct files files;
    make_files(&files, TEXTS("a\n\"b", "c\n\"d"));
    struct source_config config = config_of_csv(&files);
    struct source *source = open_sources(&config);
    expect_place(source, 0, 0, 0, "a\n");
    expect_failure(source, "record 2 at byte 2 is cut short: a quote is never closed");
    source_destroy(&source);
    config.paths++;
    config.count = 1;
    source = open_sources(&config);
    expect_place(source, 0, 0, 0, "c\n");
    expect_place(source, 0, 2, 1, "\"d");
    expect_end(source);
    source_destroy(&source);
    remove_files(&files);
}

/* ---- dead letters ---- */

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* a1000000 comes behind 999999; what is no dead letter's input is left alone. */
static void make_letters(char *directory)
{
    cr_assert_not_null(mkdtemp(directory));
    write_file(directory, "a1000000.input", "\x1f\x8b\x08 is not compressed again");
    write_file(directory, "000002.input", "b");
    write_file(directory, "999999.input", "c\n");
    write_file(directory, "000002.json", "{}");
    write_file(directory, "0000003.input", "no\n");
    write_file(directory, "000003.input~", "no\n");
    write_file(directory, "7.input", "no\n");
    write_file(directory, "header", "h\n");
}

static void remove_letters(const char *directory)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

Test(inputs, are_dead_letters_where_a_directory_has_some)
{
    for (uint32_t header = 0; header <= 1; header++) {
        char directory[] = "/tmp/fanfold-test-XXXXXX", last[64];
        make_letters(directory);
        struct source_config config = {.paths = (const char *[]){directory},
                                       .count = 1,
                                       .chunker = blocks_of(100),
                                       .header_lines = header,
                                       .program = VENTILATOR};
        struct source *source = open_sources(&config);
        expect_place(source, 0, 0, 0, "b\n");
        expect_place(source, 1, 0, 1, "c\n");
        expect_place(source, 2, 0, 2, "\x1f\x8b\x08 is not compressed again");
        expect_end(source);
        cr_expect_eq(source_header(source).size, 2 * header);
        snprintf(last, sizeof last, "%s/a1000000.input", directory);
        cr_expect_str_eq(source_name(source, 2), last);
        source_destroy(&source);
        remove_letters(directory);
    }
}

Test(inputs, that_are_dead_letters_need_the_file_of_their_header)
{
    char directory[] = "/tmp/fanfold-test-XXXXXX";
    make_letters(directory);
    struct source_config config = {.paths = (const char *[]){directory},
                                   .count = 1,
                                   .chunker = blocks_of(100),
                                   .header_lines = 2,
                                   .program = VENTILATOR};
    struct source *source = open_sources(&config);
    expect_failure(source, "header has not the lines that --header says");
    source_destroy(&source);
    char header[64];
    snprintf(header, sizeof header, "%s/header", directory);
    unlink(header);
    source = open_sources(&config);
    expect_failure(source, "the header of dead letters: No such file or directory");
    source_destroy(&source);
    remove_letters(directory);
}

/* ---- byte order marks ---- */

#define MARK "\xef\xbb\xbf"

Test(inputs, keep_the_mark_of_the_first_and_pass_over_those_of_others)
{
    struct files files;
    make_files(&files, TEXTS(MARK "\"a\nb\"\nc\n", MARK "\"d\ne\"\n", MARK, "f\n"));
    struct source_config config = config_of_csv(&files);
    struct source *source = open_sources(&config);
    expect_place(source, 0, 0, 0, MARK "\"a\nb\"\n");
    expect_place(source, 0, 9, 1, "c\n");
    expect_place(source, 1, 3, 2, "\"d\ne\"\n");
    expect_place(source, 3, 0, 3, "f\n");
    expect_end(source);
    source_destroy(&source);
    static const char *const rows[] = {MARK "\"a\nb\"\n", "c\n", "\"d\ne\"\n", "f\n"};
    expect_rows(&config, rows, 4, files.paths[1]);
    remove_files(&files);
}

Test(inputs, have_the_same_header_with_a_mark_and_without)
{
    struct files files;
    make_files(&files, TEXTS(MARK "h\na\n", "h\nb\n", MARK "h\nc\n", MARK));
    struct source_config config = config_of_csv(&files);
    config.header_lines = 1;
    struct source *source = open_sources(&config);
    expect_place(source, 0, 5, 0, "a\n");
    expect_place(source, 1, 2, 1, "b\n");
    expect_place(source, 2, 5, 2, "c\n");
    expect_end(source);
    cr_expect_eq(source_header(source).size, 5);
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, do_not_resume_in_another_order_or_number)
{
    struct files files;
    make_files(&files, TEXTS("a\nb\n", "c\n", "d\n"));
    struct source_config config = config_of(&files, 4);
    struct stopped stopped = begin(&config, 2);
    config.count = 2;
    struct source *source = open_sources(&config);
    cr_expect(!start(source, &stopped));
    expect_failure(source, "the run began with 3 inputs, not 2");
    source_destroy(&source);
    config.count = 3;
    const char *first = files.list[1];
    files.list[1] = files.list[2];
    files.list[2] = first;
    source = open_sources(&config);
    cr_expect(!start(source, &stopped));
    expect_failure(source, "these are not the inputs that the run began with");
    source_destroy(&source);
    remove_files(&files);
}

/* ---- decompressed ---- */

static void compress(const char *path)
{
    char command[200];
    snprintf(command, sizeof command, "gzip -c %s > %s.gz && mv %s.gz %s", path, path,
             path, path);
    cr_assert_eq(system(command), 0);
}

Test(inputs, are_decompressed_and_resume_anywhere)
{
    struct files files;
    make_files(&files, TEXTS("a\nb\nc\n", "", "d", "e\nf\ng\n"));
    compress(files.paths[0]);
    compress(files.paths[1]);
    compress(files.paths[3]);
    struct source_config config = config_of(&files, 4);
    expect_resumes_anywhere(&config, files.paths[3]);
    struct source *source = open_sources(&config);
    cr_expect(!source_can_reread(source));
    cr_expect_eq(source_total(source), 0, "nobody knows");
    source_destroy(&source);
    config.no_decompress = true;
    source = open_sources(&config);
    cr_expect(source_can_reread(source));
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, hand_out_the_records_before_they_turn_out_to_be_cut_short)
{
    struct files files;
    struct chunk chunk;
    make_files(&files, TEXTS("a\nb\n"));
    compress(files.paths[0]);
    int fd = open(files.paths[0], O_WRONLY | O_CLOEXEC);
    cr_assert_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
    close(fd);
    struct source_config config = config_of(&files, 100);
    struct source *source = open_sources(&config);
    chunk = take_chunk(source);
    expect_bytes(&chunk.bytes, "a\nb\n");
    expect_failure(source, "beyond byte 4 of its content: it is cut short");
    source_destroy(&source);
    remove_files(&files);
}

Test(inputs, leave_no_process_behind)
{
    struct files files;
    char text[] = "a\nb\n";
    make_files(&files, TEXTS(text, text));
    compress(files.paths[0]);
    compress(files.paths[1]);
    struct source_config config = config_of(&files, 2);
    struct source *source = open_sources(&config);
    for (int i = 0; i < 3; i++) {
        struct chunk chunk = take_chunk(source);
        zmq_msg_close(&chunk.bytes);
    }
    source_destroy(&source);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
    remove_files(&files);
}
