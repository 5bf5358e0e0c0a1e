/* SPDX-License-Identifier: MIT */
#include "ventilator/source/file_age.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static char path[] = "/dev/shm/file-age-XXXXXX";

/* Of three bytes, last changed so long ago. */
static int make(time_t seconds)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, "abc", 3), 3);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct timespec times[] = {now, {now.tv_sec - seconds, 123}};
    cr_assert_eq(futimens(fd, times), 0);
    return fd;
}

static struct file_age age_of(int fd)
{
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    return file_age_of(fd, &status, false);
}

Test(file_age, is_settled_when_a_tick_of_the_clock_has_gone)
{
    cr_expect_not(file_age_is_settled(100, 5 * MS, 100, 5 * MS, false));
    cr_expect_not(file_age_is_settled(100, 5 * MS, 100, 44 * MS, false));
    cr_expect(file_age_is_settled(100, 5 * MS, 100, 45 * MS, false));
    cr_expect_not(file_age_is_settled(100, 990 * MS, 101, 29 * MS, false));
    cr_expect(file_age_is_settled(100, 990 * MS, 101, 30 * MS, false));
    cr_expect(file_age_is_settled(100, 999 * MS, 102, 0, false));
}

Test(file_age, of_whole_seconds_is_settled_later_as_more_may_be_cut_off)
{
    cr_expect_not(file_age_is_settled(100, 0, 102, 999 * MS, false));
    cr_expect(file_age_is_settled(100, 0, 103, 0, false));
}

Test(file_age, of_the_future_or_before_all_time_is_not_settled)
{
    cr_expect_not(file_age_is_settled(101, 5, 100, 6, false));
    cr_expect_not(file_age_is_settled(100, 6, 100, 5, false));
    cr_expect_not(file_age_is_settled(-5, 5, 100, 5, false));
    cr_expect_not(file_age_is_settled(INT64_MAX / 2, 5, INT64_MAX, 5, false));
}

Test(file_age, by_the_clock_of_another_host_is_settled_later)
{
    cr_expect_not(file_age_is_settled(100, 5 * MS, 105, 999 * MS, true));
    cr_expect(file_age_is_settled(100, 5 * MS, 106, 0, true));
    cr_expect(file_age_is_settled(100, 0, 106, 0, true));
    cr_expect_not(file_age_is_settled(101, 0, 100, 0, true));
}

Test(file_age, refers_to_a_file_by_its_path_where_it_has_one)
{
    struct reference_file file;
    int fd = make(60);
    struct file_age age = age_of(fd);
    cr_assert(file_age_refer(&age, fd, "a/b", &file));
    cr_expect_eq(file.path.size, 3);
    cr_expect_arr_eq(file.path.data, "a/b", 3);
    cr_expect_eq(file.pid + file.descriptor + file.device, 0);
    cr_expect_eq(file.inode, age.inode);
    cr_expect_eq(file.size, 3);
    close(fd);
}

Test(file_age, refers_to_a_file_that_stays_as_it_was)
{
    struct reference_file file;
    int fd = make(60);
    struct file_age age = age_of(fd);
    cr_assert(file_age_refer(&age, fd, NULL, &file));
    cr_expect_eq(file.pid, (uint32_t)getpid());
    cr_expect_eq(file.descriptor, (uint32_t)fd);
    cr_expect_eq(file.size, 3);
    cr_expect_eq(file.inode, age.inode);
    cr_assert_eq(pwrite(fd, "x", 1, 0), 1);
    cr_expect_not(file_age_refer(&age, fd, NULL, &file));
    close(fd);
}

Test(file_age, refers_to_no_file_that_was_just_changed)
{
    struct reference_file file;
    int fd = make(-1);
    struct file_age age = age_of(fd);
    cr_expect_not(file_age_refer(&age, fd, NULL, &file));
    close(fd);
}
