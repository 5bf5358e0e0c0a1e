/* SPDX-License-Identifier: MIT */
#include "worker/task/chunk_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct chunk_files *files;
static int fd;

static void set_up(void)
{
    char path[] = "/dev/shm/chunk-file-XXXXXX";
    files = chunk_files_new(-1);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, "0123456789", 10), 10);
}

static void tear_down(void)
{
    chunk_files_destroy(&files);
    close(fd);
}

TestSuite(chunk_file, .init = set_up, .fini = tear_down);

static struct reference_file as_it_is(int of)
{
    struct stat status;
    cr_assert_eq(fstat(of, &status), 0);
    return (struct reference_file){
        .pid = (uint32_t)getpid(),
        .descriptor = (uint32_t)of,
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = (uint64_t)status.st_size,
        .mtime_ns = (uint64_t)status.st_mtim.tv_sec * UINT64_C(1000000000) +
                    (uint64_t)status.st_mtim.tv_nsec,
    };
}

static void expect_none(struct reference_file is)
{
    cr_expect_null(chunk_files_take(files, &is));
}

Test(chunk_file, is_opened_by_the_descriptor_of_another_though_it_is_removed)
{
    char bytes[4];
    struct reference_file is = as_it_is(fd);
    struct chunk_file *file = chunk_files_take(files, &is);
    cr_assert(file);
    cr_expect_neq(file->fd, fd);
    cr_assert(chunk_file_read(file, 3, bytes, sizeof bytes));
    cr_expect_arr_eq(bytes, "3456", sizeof bytes);
    cr_expect_not(chunk_file_read(file, 8, bytes, sizeof bytes));
    chunk_files_give_back(&file);
    cr_expect_null(file);
}

Test(chunk_file, stays_open_for_the_next_chunk)
{
    struct reference_file is = as_it_is(fd);
    struct chunk_file *file = chunk_files_take(files, &is), *same = file;
    chunk_files_give_back(&file);
    file = chunk_files_take(files, &is);
    cr_expect_eq(file, same);
    chunk_files_give_back(&file);
    uint64_t serial = same->serial;
    chunk_files_close_idle(files);
    file = chunk_files_take(files, &is);
    cr_expect_neq(file->serial, serial);
    chunk_files_give_back(&file);
}

Test(chunk_file, is_none_where_anything_does_not_fit)
{
    struct reference_file is = as_it_is(fd), other = is;
    other.device++;
    expect_none(other);
    other = is, other.inode++;
    expect_none(other);
    other = is, other.size--;
    expect_none(other);
    other = is, other.mtime_ns++;
    expect_none(other);
    other = is, other.descriptor = 1 << 20;
    expect_none(other);
    other = is, other.pid = INT32_MAX;
    expect_none(other);
}

Test(chunk_file, is_no_other_kind_of_file)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    expect_none(as_it_is(null));
    close(null);
}

Test(chunk_file, that_changes_is_not_the_same_any_more)
{
    struct reference_file is = as_it_is(fd);
    struct chunk_file *file = chunk_files_take(files, &is);
    cr_assert(chunk_file_is_same(file));
    cr_assert_eq(write(fd, "x", 1), 1);
    cr_expect_not(chunk_file_is_same(file));
    cr_expect_null(chunk_files_take(files, &is));
    chunk_files_give_back(&file);
}

Test(chunk_file, that_is_touched_is_not_the_same_any_more)
{
    struct timespec times[] = {{1000, 0}, {1000, 0}};
    struct reference_file is = as_it_is(fd);
    struct chunk_file *file = chunk_files_take(files, &is);
    cr_assert_eq(futimens(fd, times), 0);
    cr_expect_not(chunk_file_is_same(file));
    chunk_files_give_back(&file);
}

Test(chunk_file, of_which_a_few_stay_open_is_closed_when_nobody_needs_it)
{
    enum { FILES = 12 };
    struct chunk_file *taken[FILES];
    int fds[FILES], before = dup(fd);
    for (int i = 0; i < FILES; i++) {
        fds[i] = dup(fd);
        struct reference_file is = as_it_is(fds[i]);
        taken[i] = chunk_files_take(files, &is);
        cr_assert(taken[i]);
    }
    for (int i = 0; i < FILES; i++)
        chunk_files_give_back(&taken[i]);
    chunk_files_close_idle(files);
    for (int i = 0; i < FILES; i++)
        close(fds[i]);
    close(before);
    int after = dup(fd);
    cr_expect_eq(after, before, "descriptors are left open");
    close(after);
}

/* ---- by a path below the root ---- */

static char top[] = "/dev/shm/chunk-root-XXXXXX";
static char path[64];

static void set_up_root(void)
{
    cr_assert(mkdtemp(top));
    files = chunk_files_new(open(top, O_PATH | O_DIRECTORY | O_CLOEXEC));
    snprintf(path, sizeof path, "%s/in", top);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, "0123456789", 10), 10);
}

static void tear_down_root(void)
{
    chunk_files_destroy(&files);
    close(fd);
    unlink(path);
    cr_assert_eq(rmdir(top), 0);
}

TestSuite(chunk_file_below, .init = set_up_root, .fini = tear_down_root);

static struct reference_file named(const char *name)
{
    struct reference_file is = as_it_is(fd);
    is.pid = is.descriptor = 0;
    is.device = 0;
    is.path = slice_of_text(name);
    return is;
}

static void expect_reason(const char *reason)
{
    cr_expect(strstr(chunk_files_reason(files), reason), "%s",
              chunk_files_reason(files));
}

Test(chunk_file_below, is_opened_by_its_name_and_has_the_device_of_this_host)
{
    char bytes[4], name[] = "in";
    struct stat status;
    struct reference_file is = named(name);
    struct chunk_file *file = chunk_files_take(files, &is), *same = file;
    cr_assert(file);
    cr_assert(chunk_file_read(file, 3, bytes, sizeof bytes));
    cr_expect_arr_eq(bytes, "3456", sizeof bytes);
    fstat(fd, &status);
    cr_expect_eq(file->is.device, status.st_dev);
    chunk_files_give_back(&file);
    strcpy(name, "xx");
    is = named("in");
    file = chunk_files_take(files, &is);
    cr_expect_eq(file, same, "it keeps a path of its own");
    chunk_files_give_back(&file);
}

Test(chunk_file_below, that_is_another_says_how_it_differs)
{
    struct reference_file is = named("in");
    is.inode++;
    expect_none(is);
    expect_reason("'in' below its --root is another file: its inode");
    is = named("in"), is.size++;
    expect_none(is);
    expect_reason("another size");
    is = named("in"), is.mtime_ns++;
    expect_none(is);
    expect_reason("another time of modification");
    expect_none(named("out"));
    expect_reason("cannot be read: No such file");
    expect_none(named("../in"));
    expect_reason("leads out of that directory");
}

Test(chunk_file_below, that_changes_is_not_the_same_any_more)
{
    struct reference_file is = named("in");
    struct chunk_file *file = chunk_files_take(files, &is);
    cr_assert(chunk_file_is_same(file));
    cr_assert_eq(write(fd, "x", 1), 1);
    cr_expect_not(chunk_file_is_same(file));
    chunk_files_give_back(&file);
}

Test(chunk_file, by_a_path_is_none_without_a_root)
{
    struct reference_file is = as_it_is(fd);
    is.path = slice_of_text("in");
    expect_none(is);
    expect_reason("it has none");
}
