/* SPDX-License-Identifier: MIT */
/* Every way in which a run may begin, go on, or be refused; a table of them. */
#include "sink/outset.h"

#include "common/exit_status.h"
#include "sink/letters.h"
#include "sink/tail.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[128], journal[160], letters[160];

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-outset-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/out", directory);
    snprintf(journal, sizeof journal, "%s.fanfold", path);
    snprintf(letters, sizeof letters, "%s.dead-letters", path);
    cr_assert_eq(chdir(directory), 0);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(outset, .init = prepare, .fini = clean);

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void write_journal_of(uint64_t next, uint64_t offset, uint64_t dead_letters,
                             uint64_t tail)
{
    struct journal written = {
        .position = {.run = {{7}}, .next = next, .dead_letters = dead_letters},
        .offset = offset,
        .tail = tail,
        .letters_name = journal_letters_name(letters),
    };
    uint8_t bytes[JOURNAL_BYTES_MAX];
    write_file(journal, bytes, journal_encode(&written, bytes));
}

static void write_journal(uint64_t next, uint64_t offset, uint64_t dead_letters)
{
    write_journal_of(next, offset, dead_letters, 0);
}

static int read_x(void *context, uint64_t from, void *data, size_t size)
{
    (void)context, (void)from;
    memset(data, 'x', size);
    return 0;
}

static void write_letter(const char *where, uint64_t number)
{
    struct letter letter = {.run = {{7}}, .length = 1};
    cr_assert_eq(letters_write(where, number, &letter, read_x, NULL), 0);
}

/* The status; the outset where that is 0. */
static int find(const struct sink_options *options, struct outset *ret_outset)
{
    char error[200] = "";
    struct output *output;
    cr_assert_eq(output_open(options->output, 0, &output, error, sizeof error), 0, "%s",
                 error);
    int status = outset_find(ret_outset, options, output);
    output_close(&output);
    return status;
}

static void expect_status(const struct sink_options *options, int status)
{
    struct outset outset;
    cr_assert_eq(find(options, &outset), status);
    outset_deinit(&outset);
}

Test(outset, is_a_new_run_where_there_is_nothing)
{
    struct outset outset;
    for (int resume = 0; resume < 2; resume++) {
        struct sink_options options = {.output = path, .resume = resume};
        cr_assert_eq(find(&options, &outset), STATUS_OK);
        cr_assert_not(outset.resumed);
        cr_assert_str_eq(outset.journal, journal);
        cr_assert_str_eq(outset.letters, letters);
        cr_assert_eq(outset.start.position.next, 0);
        cr_assert_neq(outset.start.position.run.bytes[0] |
                          outset.start.position.run.bytes[1] |
                          outset.start.position.run.bytes[2],
                      0);
        outset_deinit(&outset);
    }
}

Test(outset, is_where_the_journal_stands)
{
    struct outset outset;
    struct sink_options options = {.output = path, .resume = true};
    write_file(path, "0123456789", 10);
    write_journal(3, 10, 0);
    cr_assert_eq(find(&options, &outset), STATUS_OK);
    cr_assert(outset.resumed);
    cr_assert_eq(outset.start.position.next, 3);
    cr_assert_eq(outset.start.position.run.bytes[0], 7);
    outset_deinit(&outset);
}

Test(outset, never_passes_over_a_journal)
{
    struct sink_options options = {.output = path};
    write_journal(1, 0, 0);
    expect_status(&options, STATUS_USAGE);
}

Test(outset, is_a_new_run_where_the_last_one_wrote_nothing)
{
    struct outset outset;
    struct sink_options options = {.output = path};
    const struct id written = {{7}};
    write_journal(0, 0, 0);
    cr_assert_eq(find(&options, &outset), STATUS_OK);
    cr_assert_not(outset.resumed);
    cr_assert_not(id_equal(&outset.start.position.run, &written));
    outset_deinit(&outset);
}

Test(outset, minds_no_dead_letters_beside_standard_output_where_there_will_be_none)
{
    struct sink_options options = {.letters = letters};
    write_letter(letters, 1);
    expect_status(&options, STATUS_USAGE);
    options.no_letters = true;
    expect_status(&options, STATUS_OK);
    options.output = path;
    expect_status(&options, STATUS_USAGE);
}

Test(outset, goes_on_with_no_file_that_has_no_journal)
{
    struct sink_options options = {.output = path, .resume = true};
    write_file(path, "x", 1);
    expect_status(&options, STATUS_USAGE);
    options.resume = false;
    expect_status(&options, STATUS_OK);
}

Test(outset, refuses_an_output_that_is_shorter_than_the_journal_says)
{
    struct sink_options options = {.output = path, .resume = true};
    write_file(path, "012345678", 9);
    write_journal(3, 10, 0);
    expect_status(&options, STATUS_IO);
}

Test(outset, refuses_an_output_that_is_not_what_the_journal_knows)
{
    struct sink_options options = {.output = path, .resume = true};
    struct outset outset;
    write_file(path, "0123456789 more", 15);
    int fd = open(path, O_WRONLY);
    uint64_t tail;
    cr_assert_eq(tail_hash(fd, 10, &tail), 0);
    close(fd);
    write_journal_of(3, 10, 0, tail);
    cr_assert_eq(find(&options, &outset), STATUS_OK);
    cr_assert(outset.resumed);
    outset_deinit(&outset);
    write_file(path, "012345678X more", 15);
    expect_status(&options, STATUS_IO);
}

Test(outset, refuses_a_journal_that_is_none)
{
    struct sink_options options = {.output = path, .resume = true};
    write_file(journal, "nonsense, and then some", 23);
    expect_status(&options, STATUS_IO);
}

Test(outset, keeps_no_journal_of_what_is_no_file_or_out_of_order)
{
    struct outset outset;
    struct sink_options device = {.output = "/dev/null"};
    struct sink_options unordered = {.output = path, .unordered = true};
    cr_assert_eq(find(&device, &outset), STATUS_OK);
    cr_assert_null(outset.journal);
    cr_assert_str_eq(outset.letters, "fanfold.dead-letters");
    outset_deinit(&outset);
    cr_assert_eq(find(&unordered, &outset), STATUS_OK);
    cr_assert_null(outset.journal);
    outset_deinit(&outset);
    device.resume = true;
    expect_status(&device, STATUS_USAGE);
}

Test(outset, begins_no_run_beside_the_dead_letters_of_another)
{
    struct sink_options options = {.output = path};
    write_letter(letters, 1);
    expect_status(&options, STATUS_USAGE);
    options.letters = "elsewhere";
    expect_status(&options, STATUS_OK);
}

Test(outset, goes_on_with_the_dead_letters_that_count)
{
    uint64_t highest;
    struct sink_options options = {.output = path, .resume = true};
    for (uint64_t number = 1; number <= 3; number++)
        write_letter(letters, number);
    write_journal(5, 0, 2);
    expect_status(&options, STATUS_OK);
    cr_assert_eq(letters_highest(letters, &highest), 0);
    cr_assert_eq(highest, 2);
}

Test(outset, touches_no_letters_in_another_directory_than_the_runs)
{
    uint64_t highest;
    struct sink_options options = {
        .output = path, .resume = true, .letters = "elsewhere"};
    write_letter("elsewhere", 1);
    write_journal(5, 0, 0);
    expect_status(&options, STATUS_USAGE);
    write_journal(5, 0, 1);
    expect_status(&options, STATUS_USAGE);
    cr_assert_eq(letters_highest("elsewhere", &highest), 0);
    cr_assert_eq(highest, 1);
}
