/* SPDX-License-Identifier: MIT */
#include "sink/output/output_watch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/fanfold-watch-XXXXXX";
static struct output_watch *watch;
static uint64_t bytes;
static int fd;

static void begin(void)
{
    fd = mkostemp(path, O_CLOEXEC);
    cr_assert_geq(fd, 0);
    watch = output_watch_new(fd);
    output_watch_begin(watch, 0);
}

static void end(void)
{
    output_watch_destroy(&watch);
    close(fd);
    unlink(path);
}

TestSuite(output_watch, .init = begin, .fini = end);

/* In two vectors, of which the last byte of the second is not written. */
static void write_some(const char *text)
{
    size_t size = strlen(text), half = size / 2;
    struct iovec vectors[] = {{(void *)(uintptr_t)text, half},
                              {(void *)(uintptr_t)(text + half), size - half + 1}};
    cr_assert_eq(write(fd, text, size), (ssize_t)size);
    output_watch_note(watch, vectors, size);
    bytes += size;
}

static void by_another(off_t where, const char *text)
{
    int other = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(other, text, strlen(text), where), (ssize_t)strlen(text));
    close(other);
}

Test(output_watch, finds_nothing_where_nobody_was)
{
    for (int i = 0; i < 100; i++) {
        write_some("some text\n");
        cr_assert_eq(output_watch_look(watch, bytes), 0);
    }
    cr_assert_eq(output_watch_examine(watch, bytes), 0);
}

Test(output_watch, sees_a_file_that_was_cut)
{
    write_some("some text\n");
    cr_assert_eq(truncate(path, 4), 0);
    cr_assert_eq(output_watch_look(watch, bytes), -ENODATA);
    cr_assert_eq(output_watch_examine(watch, bytes), -ENODATA);
}

Test(output_watch, sees_a_file_that_was_cut_and_filled_again)
{
    write_some("some text\n");
    cr_assert_eq(truncate(path, 0), 0);
    by_another(0, "SOME TEXT\n");
    cr_assert_eq(output_watch_examine(watch, bytes), -EUCLEAN);
}

Test(output_watch, sees_bytes_that_were_changed_or_are_behind)
{
    write_some("some text\n");
    by_another(5, "T");
    cr_assert_eq(output_watch_look(watch, bytes), 0);
    cr_assert_eq(output_watch_examine(watch, bytes), -EUCLEAN);
    by_another(5, "t");
    cr_assert_eq(output_watch_examine(watch, bytes), 0);
    by_another((off_t)bytes, "more");
    cr_assert_eq(output_watch_examine(watch, bytes), -EUCLEAN);
}

Test(output_watch, takes_a_file_that_was_touched_for_what_it_is)
{
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    write_some("some text\n");
    by_another(5, "t");
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    cr_assert_eq(output_watch_examine(watch, bytes), 0);
}

/* A large file is read only where something made it doubtful. */
Test(output_watch, looks_into_a_large_file_where_somebody_had_it_open)
{
    static char text[1 << 20];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 20; i++)
        write_some(text);
    cr_assert_eq(output_watch_examine(watch, bytes), 0);
    by_another(1000, "y");
    write_some(text); /* our own time of change hides the other's */
    cr_assert_eq(output_watch_examine(watch, bytes), -EUCLEAN);
}

Test(output_watch, knows_what_lay_there_when_writing_began)
{
    cr_assert_eq(write(fd, "earlier\n", 8), 8);
    bytes = 8;
    output_watch_begin(watch, 8);
    write_some("some text\n");
    cr_assert_eq(output_watch_examine(watch, bytes), 0);
    by_another(0, "E");
    cr_assert_eq(output_watch_examine(watch, bytes), -EUCLEAN);
}
