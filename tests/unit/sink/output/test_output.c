/* SPDX-License-Identifier: MIT */
#include "sink/output/output.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct result_memory *memory;
static char directory[64];
static char path[128];

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    strcpy(directory, "/tmp/fanfold-output-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/out", directory);
    memory = result_memory_new(directory);
}

static void clean(void)
{
    cr_assert_eq(result_memory_bytes(memory), 0, "a result was lost");
    result_memory_destroy(&memory);
    unlink(path);
    rmdir(directory);
}

TestSuite(output, .init = prepare, .fini = clean);

/* Byte i of the stream that all results of a test make up. */
static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static size_t pushed_bytes; /* by push, since the test began: each has its process */

static struct result *push(struct output *output, uint64_t seq, size_t size)
{
    struct result *result;
    zmq_msg_t payload;

    zmq_msg_init_size(&payload, size);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)zmq_msg_data(&payload))[i] = byte_at(pushed_bytes++);
    result = result_new(memory, seq, &payload, 0, size);
    zmq_msg_close(&payload);
    output_push(output, result);
    return result;
}

static void expect_written(struct output *output, uint64_t expected)
{
    uint64_t seq = UINT64_MAX;

    cr_assert(output_take_written(output, &seq));
    cr_assert_eq(seq, expected);
}

static void expect_none_written(struct output *output)
{
    uint64_t seq;

    cr_assert_not(output_take_written(output, &seq));
}

/* Reads what is there and compares it with the stream at `from`; returns how much. */
static size_t read_and_compare(int fd, size_t from, size_t most)
{
    static uint8_t bytes[1 << 16];
    ssize_t size = read(fd, bytes, most < sizeof bytes ? most : sizeof bytes);

    cr_assert_geq(size, 0);
    for (ssize_t i = 0; i < size; i++)
        cr_assert_eq(bytes[i], byte_at(from + (size_t)i), "at %zu", from + (size_t)i);
    return (size_t)size;
}

static void expect_file(const char *file, size_t size)
{
    int fd = open(file, O_RDONLY);
    size_t from = 0, some;

    while ((some = read_and_compare(fd, from, SIZE_MAX)) > 0)
        from += some;
    cr_assert_eq(from, size);
    close(fd);
}

static struct output *open_file(void)
{
    struct output *output = NULL;
    char error[256];

    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0);
    cr_assert_eq(output_clear(output), 0);
    return output;
}

Test(output, writes_results_in_order_and_tells_which_are_written)
{
    struct output *output = open_file();

    push(output, 3, 10);
    push(output, 4, 0);
    push(output, 5, 100000);
    push(output, 6, 0);
    cr_assert_eq(output_queued(output), 4);
    cr_assert_eq(output_write(output), 0);
    for (uint64_t seq = 3; seq <= 6; seq++)
        expect_written(output, seq);
    expect_none_written(output);
    cr_assert_eq(output_queued(output), 0);
    cr_assert_eq(output_bytes(output), 100010);
    cr_assert_eq(output_close(&output), 0);
    cr_assert_null(output);
    expect_file(path, 100010);
}

Test(output, writes_thousands_of_small_results)
{
    enum { COUNT = 5000 };
    struct output *output = open_file();

    for (uint64_t seq = 0; seq < COUNT; seq++)
        push(output, seq, seq % 90);
    cr_assert_eq(output_write(output), 0);
    for (uint64_t seq = 0; seq < COUNT; seq++)
        expect_written(output, seq);
    cr_assert_eq(output_close(&output), 0);
    expect_file(path, pushed_bytes);
}

Test(output, writes_a_large_result_piece_by_piece_so_that_the_loop_continues)
{
    enum { WHOLE = 17 << 20, MOST = 4 << 20 };
    struct output *output = open_file();
    struct stat before = {0}, after;

    push(output, 0, 1000);
    push(output, 1, WHOLE);
    push(output, 2, 1000);
    for (int i = 0; output_queued(output) > 0; i++) {
        cr_assert_eq(output_write(output), 0);
        cr_assert_eq(stat(path, &after), 0);
        cr_assert_leq(after.st_size - before.st_size, MOST);
        cr_assert_lt(i, 6);
        before = after;
    }
    for (uint64_t seq = 0; seq < 3; seq++)
        expect_written(output, seq);
    cr_assert_eq(output_close(&output), 0);
    expect_file(path, WHOLE + 2000);
}

Test(output, stops_after_some_bytes_so_that_the_loop_continues)
{
    struct output *output = open_file();

    for (uint64_t seq = 0; seq < 12; seq++)
        push(output, seq, 1 << 20);
    cr_assert_eq(output_write(output), 0);
    cr_assert_gt(output_queued(output), 0);
    cr_assert_lt(output_queued(output), 12);
    while (output_queued(output) > 0)
        cr_assert_eq(output_write(output), 0);
    output_close(&output);
    expect_file(path, 12 << 20);
}

/* A reader that takes odd amounts, and only when asked. */
static void write_through(int reader, struct output *output, uint64_t count)
{
    size_t from = 0;
    uint64_t next = 0, seq;

    while (from < pushed_bytes) {
        cr_assert_eq(output_write(output), 0);
        if (output_queued(output) > 0)
            cr_assert(output_waits(output), "it never blocks, and says so");
        while (output_take_written(output, &seq))
            cr_assert_eq(seq, next++);
        from += read_and_compare(reader, from, 7777);
    }
    cr_assert_eq(output_write(output), 0);
    while (output_take_written(output, &seq))
        cr_assert_eq(seq, next++);
    cr_assert_eq(next, count);
    cr_assert_not(output_waits(output));
}

static void push_many(struct output *output)
{
    static const size_t sizes[] = {1, 100000, 0, 8192, 300000, 70000, 5};

    for (uint64_t seq = 0; seq < 7; seq++)
        push(output, seq, sizes[seq]);
}

Test(output, feeds_a_slow_pipe_without_blocking_or_changing_its_flags)
{
    struct output *output;
    int ends[2], watch;

    cr_assert_eq(pipe(ends), 0);
    watch = dup(ends[1]);
    output = output_adopt(ends[1], "pipe");
    push_many(output);
    write_through(ends[0], output, 7);
    cr_assert_eq(fcntl(watch, F_GETFL) & O_NONBLOCK, 0);
    output_close(&output);
}

Test(output, feeds_a_slow_socket_without_blocking_or_changing_its_flags)
{
    struct output *output;
    int ends[2], watch;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    watch = dup(ends[1]);
    output = output_adopt(ends[1], "socket");
    push_many(output);
    write_through(ends[0], output, 7);
    cr_assert_eq(fcntl(watch, F_GETFL) & O_NONBLOCK, 0);
    output_close(&output);
}

Test(output, feeds_a_pipe_that_cannot_be_reopened_without_blocking)
{
    struct output *output;
    int ends[2];
    bool root = geteuid() == 0;

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(fchmod(ends[1], 0), 0);
    if (root)
        cr_assert_eq(seteuid(65534), 0);
    output = output_adopt(ends[1], "pipe");
    if (root)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(output_descriptor(output), ends[1], "it was not reopened");
    push_many(output);
    write_through(ends[0], output, 7);
    output_close(&output);
}

Test(output, feeds_spilled_results_piece_by_piece)
{
    struct output *output;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    output = output_adopt(ends[1], "pipe");
    push_many(output);
    cr_assert_eq(output_spill(output, memory, 0), 0);
    cr_assert_eq(result_memory_spilled_bytes(memory), 100000 + 8192 + 300000 + 70000);
    write_through(ends[0], output, 7);
    output_close(&output);
}

Test(output, spills_from_the_end_and_no_more_than_is_asked)
{
    struct output *output = open_file();
    struct result *results[4];

    for (uint64_t seq = 0; seq < 4; seq++)
        results[seq] = push(output, seq, 1 << 20);
    cr_assert_eq(output_spill(output, memory, 5 << 19), 0);
    cr_assert_not(result_spilled(results[0]));
    cr_assert_not(result_spilled(results[1]));
    cr_assert(result_spilled(results[2]));
    cr_assert(result_spilled(results[3]));
    while (output_queued(output) > 0)
        cr_assert_eq(output_write(output), 0);
    output_close(&output);
    expect_file(path, 4 << 20);
}

Test(output, never_spills_the_result_that_is_being_written)
{
    struct output *output;
    struct result *first, *second;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    output = output_adopt(ends[1], "pipe");
    first = push(output, 0, 1 << 20);
    second = push(output, 1, 1 << 20);
    cr_assert_eq(output_write(output), 0);
    expect_none_written(output);
    cr_assert_eq(output_spill(output, memory, 0), 0);
    cr_assert_not(result_spilled(first));
    cr_assert(result_spilled(second));
    output_close(&output);
}

Test(output, tells_a_pipe_whose_reader_is_gone_when_it_writes)
{
    struct output *output;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    output = output_adopt(ends[1], "pipe");
    close(ends[0]);
    push(output, 0, 10);
    cr_assert_eq(output_write(output), -EPIPE);
    cr_assert_eq(output_write(output), -EPIPE);
    expect_none_written(output);
    output_close(&output);
}

Test(output, tells_a_pipe_whose_reader_is_gone_when_nothing_is_written)
{
    struct output *output;
    struct pollfd item = {.events = 0};
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    output = output_adopt(ends[1], "pipe");
    cr_assert_eq(output_check(output), 0);
    close(ends[0]);
    item.fd = output_descriptor(output);
    cr_assert_eq(poll(&item, 1, 10000), 1, "the poller is woken");
    cr_assert_eq(output_check(output), -EPIPE);
    output_close(&output);
}

Test(output, tells_that_the_device_is_full)
{
    struct output *output = NULL;
    char error[256];

    cr_assert_eq(output_open("/dev/full", 0, &output, error, sizeof error), 0);
    cr_assert_eq(output_clear(output), 0);
    cr_assert_not(output_is_regular(output));
    push(output, 0, 10);
    cr_assert_eq(output_write(output), -ENOSPC);
    output_close(&output);
}

Test(output, tells_that_the_file_may_grow_no_further)
{
    static const struct rlimit limit = {10000, 10000};
    struct output *output = open_file();

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    push(output, 0, 9000);
    push(output, 1, 9000);
    cr_assert_eq(output_write(output), -EFBIG);
    expect_written(output, 0);
    expect_none_written(output);
    output_close(&output);
}

Test(output, refuses_a_file_that_another_has_locked_and_leaves_it_alone)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    struct output *output = NULL;
    char error[256] = "", own[32];

    snprintf(own, sizeof own, "process %d", getpid());
    cr_assert_eq(write(fd, "precious", 8), 8);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), -EBUSY);
    cr_assert_null(output);
    cr_assert_not_null(strstr(error, path));
    cr_assert_not_null(strstr(error, own), "%s", error);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 8);
    close(fd);
}

/* Locked by nobody who lives, as a sink that was killed during a commit leaves it;
 * opened under another name. */
static int lock_and_leave(const char *other)
{
    int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    pid_t pid = fork();

    if (pid == 0)
        _exit(flock(fd, LOCK_EX));
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(link(other, path), 0);
    return fd;
}

static bool has_open(pid_t pid, const char *name)
{
    char place[64], link[512], target[256];
    bool found = false;
    struct dirent *entry;

    snprintf(place, sizeof place, "/proc/%d/fd", pid);
    DIR *entries = opendir(place);
    while (entries && !found && (entry = readdir(entries)) != NULL) {
        snprintf(link, sizeof link, "%s/%s", place, entry->d_name);
        ssize_t size = readlink(link, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        found = strcmp(target, name) == 0;
    }
    if (entries)
        closedir(entries);
    return found;
}

Test(output, is_not_a_file_that_was_taken_away_while_it_was_locked)
{
    char other[160];
    struct stat status;
    int result;
    snprintf(other, sizeof other, "%s.other", path);
    int fd = lock_and_leave(other);
    pid_t pid = fork();

    if (pid == 0) {
        struct output *output = NULL;
        char error[256];
        close(fd);
        if (output_open(path, 60000000, &output, error, sizeof error) != 0)
            _exit(1);
        _exit(write(output_descriptor(output), "found", 5) != 5);
    }
    while (!has_open(pid, path))
        cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0);
    unlink(path);
    unlink(other);
    close(fd);
    cr_assert_eq(waitpid(pid, &result, 0), pid);
    cr_assert_eq(result, 0);
    cr_assert_eq(stat(path, &status), 0, "it is there under its name");
    cr_assert_eq(status.st_size, 5);
}

Test(output, keeps_the_old_bytes_until_it_is_cleared_and_then_is_locked)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    struct output *output = NULL;
    struct stat status;
    char error[256];

    cr_assert_eq(write(fd, "old", 3), 3);
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
    fstat(fd, &status);
    cr_assert_eq(status.st_size, 3);
    cr_assert_eq(output_clear(output), 0);
    fstat(fd, &status);
    cr_assert_eq(status.st_size, 0);
    output_close(&output);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
}

Test(output, keeps_the_old_bytes_until_the_first_new_one)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    struct output *output = NULL;
    char error[256], bytes[8] = "";

    cr_assert_eq(write(fd, "precious", 8), 8);
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0);
    push(output, 0, 0);
    cr_assert_eq(output_write(output), 0);
    cr_assert_eq(pread(fd, bytes, 8, 0), 8, "a result without a byte is none");
    push(output, 1, 3);
    cr_assert_eq(output_write(output), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 3);
    cr_assert_eq(output_clear(output), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 3, "what is ours is not cleared");
    output_discard(output);
    output_close(&output);
    cr_assert_eq(access(path, F_OK), 0, "it was there before");
    close(fd);
}

Test(output, begins_where_an_inherited_file_is_and_never_empties_it)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    struct output *output;
    char bytes[8] = "";

    cr_assert_eq(write(fd, "head", 4), 4);
    output = output_adopt(dup(fd), "standard output");
    cr_assert_eq(output_clear(output), 0);
    push(output, 0, 3);
    cr_assert_eq(output_write(output), 0);
    cr_assert_eq(write(fd, "t", 1), 1, "the offset is shared");
    expect_written(output, 0);
    output_close(&output);
    cr_assert_eq(pread(fd, bytes, sizeof bytes, 0), 8);
    cr_assert_arr_eq(bytes, "head", 4);
    cr_assert_eq(bytes[7], 't');
    close(fd);
}

Test(output, tells_why_a_file_cannot_be_opened)
{
    struct output *output = NULL;
    char error[256];

    cr_assert_eq(output_open("/nonexistent/out", 0, &output, error, sizeof error),
                 -ENOENT);
    cr_assert_str_eq(error, "cannot open /nonexistent/out: No such file or directory");
}

/* ---- going on ---- */

static void fill(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static off_t size_of_file(void)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return status.st_size;
}

static struct output *open_to_resume(uint64_t offset)
{
    struct output *output;
    char error[200] = "";
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0);
    cr_assert_eq(output_resume(output, offset, 0), 0);
    return output;
}

Test(output, resumes_behind_what_counts_and_cuts_the_rest_when_it_writes)
{
    fill("0123456789");
    struct output *output = open_to_resume(4);
    cr_assert_eq(output_found_bytes(output), 10);
    cr_assert_eq(size_of_file(), 10, "nothing is touched before the first byte");
    cr_assert_eq(output_bytes(output), 4);
    push(output, 0, 3);
    cr_assert_eq(output_write(output), 0);
    cr_assert_eq(size_of_file(), 7);
    cr_assert_eq(output_close(&output), 0);
    uint8_t bytes[7];
    int fd = open(path, O_RDONLY);
    cr_assert_eq(read(fd, bytes, 7), 7);
    close(fd);
    cr_assert_eq(memcmp(bytes, "0123", 4), 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(bytes[4 + i], byte_at(i));
}

Test(output, is_cut_at_the_end_where_nothing_was_to_be_written)
{
    fill("0123456789");
    struct output *output = open_to_resume(4);
    cr_assert_eq(output_clear(output), 0);
    cr_assert_eq(size_of_file(), 4);
    output_close(&output);
}

Test(output, does_not_resume_behind_its_end)
{
    struct output *output;
    char error[200] = "";
    fill("0123");
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0);
    cr_assert_eq(output_resume(output, 5, 0), 1);
    cr_assert_eq(output_resume(output, 4, 0), 0);
    output_close(&output);
}

Test(output, knows_up_to_where_whole_results_lie_that_it_told_of)
{
    fill("0123456789");
    struct output *output = open_to_resume(10);
    push(output, 0, 3);
    push(output, 1, 5);
    cr_assert_eq(output_whole_bytes(output), 10);
    cr_assert_eq(output_write(output), 0);
    cr_assert_eq(output_bytes(output), 18);
    cr_assert_eq(output_whole_bytes(output), 10);
    expect_written(output, 0);
    cr_assert_eq(output_whole_bytes(output), 13);
    expect_written(output, 1);
    cr_assert_eq(output_whole_bytes(output), 18);
    output_close(&output);
}

Test(output, cut_after_a_failure_ends_with_the_last_whole_result)
{
    struct rlimit limit = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY};
    fill("before");
    struct output *output = open_to_resume(0);
    output_cut(output);
    cr_assert_eq(size_of_file(), 6, "nothing was written, so nothing is ours to cut");
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    push(output, 0, 7);
    push(output, 1, 7);
    cr_assert_eq(output_write(output), -EFBIG);
    expect_written(output, 0);
    cr_assert_eq(size_of_file(), 10);
    output_cut(output);
    cr_assert_eq(size_of_file(), 7);
    cr_assert_eq(output_bytes(output), 7);
    output_close(&output);
}
