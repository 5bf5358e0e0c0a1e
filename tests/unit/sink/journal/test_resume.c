/* SPDX-License-Identifier: MIT */
/* Every way in which a run may begin, go on, or be refused; a table of them. */
#include "sink/journal/resume.h"

#include "common/exit_status.h"
#include "sink/dead_letters/dead_letters.h"
#include "sink/output/output_fingerprint.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[128], journal[160], dead_letters[160];

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-resume-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/out", directory);
    snprintf(journal, sizeof journal, "%s.fanfold", path);
    snprintf(dead_letters, sizeof dead_letters, "%s.dead-letters", path);
    cr_assert_eq(chdir(directory), 0);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(resume, .init = prepare, .fini = clean);

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void write_journal_of(uint64_t next, uint64_t offset, uint64_t dead_count,
                             uint64_t fingerprint)
{
    struct journal written = {
        .position = {.run = {{7}}, .next = next, .dead_letters = dead_count},
        .offset = offset,
        .fingerprint = fingerprint,
        .dead_letters_name = journal_dead_letters_name(dead_letters),
    };
    uint8_t bytes[JOURNAL_BYTES_MAX];
    write_file(journal, bytes, journal_encode(&written, bytes));
}

static void write_journal(uint64_t next, uint64_t offset, uint64_t dead_count)
{
    write_journal_of(next, offset, dead_count, 0);
}

static int read_x(void *context, uint64_t from, void *data, size_t size)
{
    (void)context, (void)from;
    memset(data, 'x', size);
    return 0;
}

static void write_dead_letter_of(uint8_t run, const char *where, uint64_t number)
{
    struct dead_letter dead_letter = {.run = {{run}}, .length = 1};
    cr_assert_eq(dead_letters_write(where, number, &dead_letter, read_x, NULL), 0);
}

static void write_dead_letter(const char *where, uint64_t number)
{
    write_dead_letter_of(7, where, number);
}

/* The status; the resume where that is 0. */
static int find(const struct resume_request *request, struct resume_point *ret_point)
{
    char error[200] = "";
    struct output *output;
    cr_assert_eq(output_open(request->output, 0, &output, error, sizeof error), 0, "%s",
                 error);
    int status = resume_point_find(ret_point, request, output);
    output_close(&output);
    return status;
}

static void expect_status(const struct resume_request *request, int status)
{
    struct resume_point point;
    cr_assert_eq(find(request, &point), status);
    resume_point_deinit(&point);
}

Test(resume, is_a_new_run_where_there_is_nothing)
{
    struct resume_point point;
    for (int resume = 0; resume < 2; resume++) {
        struct resume_request request = {.output = path, .resume = resume};
        cr_assert_eq(find(&request, &point), STATUS_OK);
        cr_assert_not(point.resumed);
        cr_assert_str_eq(point.journal, journal);
        cr_assert_str_eq(point.dead_letters, dead_letters);
        cr_assert_eq(point.start.position.next, 0);
        cr_assert_neq(point.start.position.run.bytes[0] |
                          point.start.position.run.bytes[1] |
                          point.start.position.run.bytes[2],
                      0);
        resume_point_deinit(&point);
    }
}

Test(resume, is_refused_with_other_frames_than_before)
{
    struct resume_request request = {.output = path, .resume = true};
    write_file(path, "0123456789", 10);
    write_journal(3, 10, 0);
    request.framing = FRAMING_TAGGED;
    expect_status(&request, STATUS_USAGE);
}

Test(resume, is_where_the_journal_stands)
{
    struct resume_point point;
    struct resume_request request = {.output = path, .resume = true};
    write_file(path, "0123456789", 10);
    write_journal(3, 10, 0);
    cr_assert_eq(find(&request, &point), STATUS_OK);
    cr_assert(point.resumed);
    cr_assert_eq(point.start.position.next, 3);
    cr_assert_eq(point.start.position.run.bytes[0], 7);
    resume_point_deinit(&point);
}

Test(resume, never_passes_over_a_journal)
{
    struct resume_request request = {.output = path};
    write_journal(1, 0, 0);
    expect_status(&request, STATUS_USAGE);
}

Test(resume, is_a_new_run_where_the_last_one_wrote_nothing)
{
    struct resume_point point;
    struct resume_request request = {.output = path};
    const struct id written = {{7}};
    write_journal(0, 0, 0);
    cr_assert_eq(find(&request, &point), STATUS_OK);
    cr_assert_not(point.resumed);
    cr_assert_not(id_equal(&point.start.position.run, &written));
    resume_point_deinit(&point);
}

Test(resume, minds_no_dead_letters_beside_standard_output_where_there_will_be_none)
{
    struct resume_request request = {.dead_letters = dead_letters};
    write_dead_letter(dead_letters, 1);
    expect_status(&request, STATUS_USAGE);
    request.no_dead_letters = true;
    expect_status(&request, STATUS_OK);
    request.output = path;
    expect_status(&request, STATUS_USAGE);
}

Test(resume, resumes_no_file_that_has_no_journal)
{
    struct resume_request request = {.output = path, .resume = true};
    write_file(path, "x", 1);
    expect_status(&request, STATUS_USAGE);
    request.resume = false;
    expect_status(&request, STATUS_OK);
}

Test(resume, refuses_an_output_that_is_shorter_than_the_journal_says)
{
    struct resume_request request = {.output = path, .resume = true};
    write_file(path, "012345678", 9);
    write_journal(3, 10, 0);
    expect_status(&request, STATUS_IO);
}

Test(resume, refuses_an_output_that_is_not_what_the_journal_knows)
{
    struct resume_request request = {.output = path, .resume = true};
    struct resume_point point;
    write_file(path, "0123456789 more", 15);
    int fd = open(path, O_WRONLY);
    uint64_t fingerprint;
    cr_assert_eq(output_fingerprint(fd, 10, &fingerprint), 0);
    close(fd);
    write_journal_of(3, 10, 0, fingerprint);
    cr_assert_eq(find(&request, &point), STATUS_OK);
    cr_assert(point.resumed);
    resume_point_deinit(&point);
    write_file(path, "012345678X more", 15);
    expect_status(&request, STATUS_IO);
}

Test(resume, refuses_a_journal_that_is_none)
{
    struct resume_request request = {.output = path, .resume = true};
    write_file(journal, "nonsense, and then some", 23);
    expect_status(&request, STATUS_IO);
}

Test(resume, keeps_no_journal_of_what_is_no_file_or_out_of_order)
{
    struct resume_point point;
    struct resume_request device = {.output = "/dev/null"};
    struct resume_request unordered = {.output = path, .unordered = true};
    cr_assert_eq(find(&device, &point), STATUS_OK);
    cr_assert_null(point.journal);
    cr_assert_str_eq(point.dead_letters, "fanfold.dead-letters");
    resume_point_deinit(&point);
    cr_assert_eq(find(&unordered, &point), STATUS_OK);
    cr_assert_null(point.journal);
    resume_point_deinit(&point);
    device.resume = true;
    expect_status(&device, STATUS_USAGE);
}

Test(resume, begins_no_run_beside_the_dead_letters_of_another)
{
    struct resume_request request = {.output = path};
    write_dead_letter(dead_letters, 1);
    expect_status(&request, STATUS_USAGE);
    request.dead_letters = "elsewhere";
    expect_status(&request, STATUS_OK);
}

Test(resume, keeps_the_dead_letters_that_count)
{
    uint64_t highest;
    struct resume_request request = {.output = path, .resume = true};
    for (uint64_t number = 1; number <= 3; number++)
        write_dead_letter(dead_letters, number);
    write_journal(5, 0, 2);
    expect_status(&request, STATUS_OK);
    cr_assert_eq(dead_letters_highest(dead_letters, &highest), 0);
    cr_assert_eq(highest, 2);
}

Test(resume, touches_no_dead_letters_in_another_directory_than_the_runs)
{
    uint64_t highest;
    struct resume_request request = {
        .output = path, .resume = true, .dead_letters = "elsewhere"};
    write_dead_letter_of(8, "elsewhere", 1);
    write_journal(5, 0, 0);
    expect_status(&request, STATUS_USAGE);
    write_journal(5, 0, 1);
    expect_status(&request, STATUS_USAGE);
    cr_assert_eq(dead_letters_highest("elsewhere", &highest), 0);
    cr_assert_eq(highest, 1);
}

Test(resume, knows_its_dead_letters_by_every_spelling)
{
    static const char *const names[] = {"letters", "./letters", "../%s/letters", "link",
                                        "moved"};
    char spelled[160];
    cr_assert_eq(symlink("letters", "link"), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct resume_request request = {
            .output = path, .resume = true, .dead_letters = spelled};
        snprintf(spelled, sizeof spelled, names[i], strrchr(directory, '/') + 1);
        if (i == 0)
            for (uint64_t number = 1; number <= 2; number++)
                write_dead_letter("letters", number);
        if (strcmp(spelled, "moved") == 0)
            cr_assert_eq(rename("letters", "moved"), 0);
        write_journal(5, 0, 2);
        expect_status(&request, STATUS_OK);
    }
}

Test(resume, refuses_a_header_that_is_not_the_runs)
{
    struct resume_request request = {.output = path, .dead_letters = "letters"};
    cr_assert_eq(mkdir("letters", 0700), 0);
    expect_status(&request, STATUS_OK);
    write_file("letters/header", "precious", 8);
    expect_status(&request, STATUS_USAGE);
    request.no_dead_letters = true;
    expect_status(&request, STATUS_OK);
}

Test(resume, keeps_no_journal_beside_what_was_open_before)
{
    struct resume_point point;
    char spelled[32];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    snprintf(spelled, sizeof spelled, "/dev/fd/%d", fd);
    struct resume_request request = {.output = spelled};
    cr_assert_eq(find(&request, &point), STATUS_OK);
    cr_assert_null(point.journal);
    cr_assert_str_eq(point.dead_letters, "fanfold.dead-letters");
    resume_point_deinit(&point);
}
