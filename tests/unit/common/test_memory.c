/* SPDX-License-Identifier: MIT */
#include "common/memory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What `act` says on stderr before it aborts. */
static void expect_abort_of(void (*act)(void))
{
    int ends[2];
    char said[200] = "", expected[200];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    cr_assert_gt(read(ends[0], said, sizeof said - 1), 0);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    snprintf(expected, sizeof expected, "%s: out of memory\n",
             program_invocation_short_name);
    cr_assert_str_eq(said, expected);
}

static void ask_for_more_than_there_is(void)
{
    /* A count whose product wraps round to something small. */
    free(reallocate(NULL, SIZE_MAX / 2 + 2, 2));
}

Test(memory, out_of_memory_is_one_line_with_the_programs_name_and_abort)
{
    expect_abort_of(abort_out_of_memory);
}

Test(memory, a_size_that_overflows_is_out_of_memory)
{
    expect_abort_of(ask_for_more_than_there_is);
}

Test(memory, nothing_is_a_pointer_too)
{
    void *nothing[] = {allocate(0), allocate_zeroed(0, 8), allocate_zeroed(8, 0),
                       reallocate(NULL, 0, 8)};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        cr_assert_not_null(nothing[i]);
        free(nothing[i]);
    }
}

Test(memory, a_list_keeps_its_elements_when_it_grows)
{
    uint64_t *numbers = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 1000; count++) {
        numbers = room_for_one_more(numbers, count, &capacity, sizeof *numbers);
        cr_assert_lt(count, capacity);
        numbers[count] = count;
    }
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(numbers[i], i);
    cr_assert_lt(capacity, 2 * 1000 + 1);
    free(numbers);
}

Test(memory, a_text_is_printed_at_its_full_length)
{
    char *text = allocate_text("%s-%0500d", "x", 7);
    cr_assert_eq(strlen(text), 502);
    cr_assert_eq(text[501], '7');
    free(text);
}
