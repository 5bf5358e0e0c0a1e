/* SPDX-License-Identifier: MIT */
/* A lender and a borrower; both are this process. */
#include "common/loan/borrow.h"
#include "common/loan/lender.h"
#include "common/loan/loan_name.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 200000 };

static struct lender *lender;
static uint8_t bytes[BYTES];

static void open_lender(void)
{
    lender = lender_new(4, 16 << 20);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
}

static void close_lender(void)
{
    lender_destroy(&lender);
}

TestSuite(loan, .init = open_lender, .fini = close_lender);

static zmq_msg_t lend(uint8_t first)
{
    zmq_msg_t message;
    bytes[0] = first;
    cr_assert(lender_copy(lender, (struct slice){bytes, BYTES}, &message));
    return message;
}

static zmq_msg_t copy_of(zmq_msg_t *message)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, message);
    return copy;
}

static struct loan_name name_of(zmq_msg_t *message)
{
    struct loan_name name;
    struct slice packed = {zmq_msg_data(message), zmq_msg_size(message)};
    cr_assert(loan_name_unpack(packed, &name));
    return name;
}

static void expect_bytes(zmq_msg_t *message, uint8_t first)
{
    cr_assert_eq(zmq_msg_size(message), BYTES);
    const uint8_t *data = zmq_msg_data(message);
    cr_assert_eq(data[0], first);
    cr_assert_eq(memcmp(data + 1, bytes + 1, BYTES - 1), 0);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(loan, is_borrowed_and_has_the_bytes)
{
    zmq_msg_t loan = lend(1);
    cr_assert_leq(zmq_msg_size(&loan), 32);
    cr_assert(loan_borrow(&loan, BYTES, getpid()));
    expect_bytes(&loan, 1);
    zmq_msg_close(&loan);
}

Test(loan, that_is_borrowed_keeps_its_bytes_when_it_came_back_and_others_are_lent)
{
    zmq_msg_t loan = lend(1), borrowed = copy_of(&loan);
    cr_assert(loan_borrow(&borrowed, BYTES, getpid()));
    zmq_msg_close(&loan); /* FORGET */
    for (uint8_t i = 2; i < 20; i++) {
        zmq_msg_t other = lend(i);
        zmq_msg_close(&other);
    }
    expect_bytes(&borrowed, 1);
    zmq_msg_close(&borrowed);
}

Test(loan, that_nobody_has_any_more_is_lent_again_in_the_same_memory)
{
    zmq_msg_t loan = lend(1);
    struct loan_name first = name_of(&loan);
    cr_assert(loan_borrow(&loan, BYTES, getpid()));
    zmq_msg_close(&loan);
    loan = lend(2);
    struct loan_name second = name_of(&loan);
    cr_assert_eq(first.inode, second.inode);
    cr_assert_neq(first.number, second.number);
    zmq_msg_close(&loan);
}

Test(loan, is_not_borrowed_by_an_old_name)
{
    zmq_msg_t loan = lend(1);
    uint8_t old[LOAN_NAME_MAX];
    size_t size = zmq_msg_size(&loan);
    memcpy(old, zmq_msg_data(&loan), size);
    zmq_msg_close(&loan);
    loan = lend(2);
    zmq_msg_t late;
    zmq_msg_init_size(&late, size);
    memcpy(zmq_msg_data(&late), old, size);
    cr_assert_not(loan_borrow(&late, BYTES, getpid()));
    cr_assert_eq(zmq_msg_size(&late), size, "it is as it was");
    zmq_msg_close(&late);
    cr_assert(loan_borrow(&loan, BYTES, getpid()));
    expect_bytes(&loan, 2);
    zmq_msg_close(&loan);
}

Test(loan, is_not_borrowed_while_it_is_written_to)
{
    struct loan *taken = lender_take(lender, BYTES);
    struct loan_name name = {
        .fd = (uint64_t)loan_fd(taken), .inode = loan_inode(taken), .number = 1};
    zmq_msg_t early;
    uint8_t packed[LOAN_NAME_MAX];
    size_t size = loan_name_pack(&name, packed);
    zmq_msg_init_size(&early, size);
    memcpy(zmq_msg_data(&early), packed, size);
    cr_assert_not(loan_borrow(&early, BYTES, getpid()));
    zmq_msg_close(&early);
    loan_drop(taken);
}

static void expect_no_loan(struct loan_name name, uint64_t length)
{
    zmq_msg_t message;
    uint8_t packed[LOAN_NAME_MAX];
    size_t size = loan_name_pack(&name, packed);
    zmq_msg_init_size(&message, size);
    memcpy(zmq_msg_data(&message), packed, size);
    cr_assert_not(loan_borrow(&message, length, getpid()));
    cr_assert_eq(zmq_msg_size(&message), size);
    zmq_msg_close(&message);
}

Test(loan, is_no_other_file_that_the_process_has_open)
{
    int pair[2], plain = memfd_create("plain", 0);
    char path[] = "/tmp/fanfold-test-loan-XXXXXX";
    int file = mkstemp(path);
    unlink(path);
    cr_assert_eq(pipe(pair), 0);
    cr_assert_eq(ftruncate(plain, LOAN_HEAD + BYTES), 0);
    cr_assert_eq(ftruncate(file, LOAN_HEAD + BYTES), 0);
    const int fds[] = {pair[0], pair[1], plain, file, 0, 250};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct stat status = {0};
        fstat(fds[i], &status);
        expect_no_loan((struct loan_name){(uint64_t)fds[i], status.st_ino, 0}, BYTES);
    }
}

Test(loan, is_no_longer_than_its_memory)
{
    zmq_msg_t loan = lend(1);
    struct loan_name name = name_of(&loan);
    expect_no_loan(name, UINT64_MAX);
    expect_no_loan(name, UINT64_MAX - LOAN_HEAD);
    expect_no_loan(name, BYTES + 1);
    name.inode++;
    expect_no_loan(name, BYTES);
    zmq_msg_close(&loan);
}

Test(loan, has_a_name_that_is_whole)
{
    struct loan_name name = {1, 2, 3};
    uint8_t packed[LOAN_NAME_MAX];
    size_t size = loan_name_pack(&name, packed);
    for (size_t cut = 0; cut < size; cut++)
        cr_assert_not(loan_name_unpack((struct slice){packed, cut}, &name));
    cr_assert(loan_name_unpack((struct slice){packed, size}, &name));
    packed[0] = 0x94; /* an array of four */
    cr_assert_not(loan_name_unpack((struct slice){packed, size}, &name));
    name = (struct loan_name){UINT64_MAX, UINT64_MAX, UINT64_MAX};
    cr_assert_leq(loan_name_pack(&name, packed), LOAN_NAME_MAX);
}

Test(loan, outlives_its_lender)
{
    zmq_msg_t loan = lend(1), other = lend(2);
    cr_assert(loan_borrow(&loan, BYTES, getpid()));
    lender_destroy(&lender);
    expect_bytes(&loan, 1);
    zmq_msg_close(&loan);
    zmq_msg_close(&other);
}

Test(loan, leaves_no_descriptor_open)
{
    unsigned before = open_descriptors();
    for (uint8_t i = 0; i < 100; i++) {
        zmq_msg_t loans[8];
        for (size_t k = 0; k < 8; k++)
            loans[k] = lend(i);
        for (size_t k = 0; k < 8; k++)
            cr_assert(loan_borrow(&loans[k], BYTES, getpid()));
        for (size_t k = 0; k < 8; k++)
            zmq_msg_close(&loans[k]);
    }
    cr_assert_leq(open_descriptors(), before + 8);
    lender_destroy(&lender);
    cr_assert_eq(open_descriptors(), before);
}

Test(loan, that_is_long_is_not_kept_with_many_others)
{
    unsigned before = open_descriptors();
    struct loan *taken[4];
    for (size_t i = 0; i < 4; i++)
        taken[i] = lender_take(lender, 6 << 20);
    for (size_t i = 0; i < 4; i++) {
        zmq_msg_t message;
        loan_offer(taken[i], &message);
        zmq_msg_close(&message);
    }
    cr_assert_eq(open_descriptors(), before + 4);
    struct loan *next = lender_take(lender, 1 << 20);
    cr_assert_eq(open_descriptors(), before + 2, "12 MiB of 16");
    loan_drop(next);
}

/* As a slot does: the result is longer than one would have thought. */
Test(loan, that_became_long_is_not_kept_with_many_others)
{
    unsigned before = open_descriptors();
    struct loan *taken[4];
    for (size_t i = 0; i < 4; i++)
        taken[i] = lender_take(lender, BYTES);
    for (size_t i = 0; i < 4; i++) {
        zmq_msg_t message;
        cr_assert_eq(ftruncate(loan_fd(taken[i]), 6 << 20), 0);
        loan_offer(taken[i], &message);
        zmq_msg_close(&message);
    }
    cr_assert_eq(open_descriptors(), before + 4);
    lender_trim(lender);
    cr_assert_eq(open_descriptors(), before + 2, "12 MiB of 16");
}

Test(loan, takes_no_more_descriptors_than_it_may)
{
    zmq_msg_t message, first, second;
    lender_limit(lender, 2);
    first = lend(1), second = lend(2);
    cr_assert_not(lender_copy(lender, (struct slice){bytes, BYTES}, &message));
    zmq_msg_close(&first);
    message = lend(3);
    zmq_msg_close(&message);
    zmq_msg_close(&second);
    loan_drop(lender_take(lender, BYTES));
    first = lend(1), second = lend(2);
    zmq_msg_close(&first);
    zmq_msg_close(&second);
}

Test(loan, of_a_process_that_is_gone_is_none)
{
    zmq_msg_t loan = lend(1);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    cr_assert_not(loan_borrow(&loan, BYTES, child));
    zmq_msg_close(&loan);
}
