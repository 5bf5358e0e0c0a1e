/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/login.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct login_list list;
static char wrong[LOGIN_TEXT_MAX];

static void end(void)
{
    login_list_deinit(&list);
}

TestSuite(login, .fini = end);

Test(login, has_slots_a_user_a_host_and_a_port)
{
    static const struct {
        const char *text, *target;
        unsigned slots, port;
    } cases[] = {
        {"node1", "node1", 0, 0},
        {"8/node1", "node1", 8, 0},
        {"me@node1", "me@node1", 0, 0},
        {"4/me@node1:2222", "me@node1", 4, 2222},
        {"10.0.0.1:22", "10.0.0.1", 0, 22},
        {"fd00::2", "fd00::2", 0, 0},
        {"[fd00::2]", "fd00::2", 0, 0},
        {"2/me@[fd00::2]:22", "me@fd00::2", 2, 22},
        {":", "", 0, 0},
        {"2/:", "", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert(login_list_add(&list, cases[i].text, wrong), "%s", cases[i].text);
        const struct login *login = &list.items[i];
        cr_assert_str_eq(login->target, cases[i].target);
        cr_assert_str_eq(login->text, cases[i].text);
        cr_assert_eq(login->slots, cases[i].slots);
        cr_assert_eq(login->port, cases[i].port, "%s", cases[i].text);
    }
    cr_assert_str_eq(login_name(&list.items[8]), "localhost");
    cr_assert_str_eq(login_name(&list.items[1]), "8/node1");
}

Test(login, is_refused_where_it_is_none)
{
    static const char *const cases[] = {
        "0/a", "x/a", "65536/a",   "a:0", "a:65536", "a:x", "-oProxyCommand=x",
        "a b", "1/",  "[fd00::2]x"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_not(login_list_add(&list, cases[i], wrong), "%s", cases[i]);
        cr_assert_str_eq(wrong, cases[i]);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    cr_assert_not(login_list_add(&list, longest, wrong));
    cr_assert_eq(list.count, 0);
}

Test(login, is_listed_once_however_often_it_is_named)
{
    cr_assert(login_list_add(&list, "a,b,,a", wrong));
    cr_assert(login_list_add_lines(&list, "# hosts\nb c # two\n\n\td\r\n2/a", wrong));
    static const char *const expected[] = {"a", "b", "c", "d", "2/a"};
    cr_assert_eq(list.count, 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(list.items[i].text, expected[i]);
    cr_assert_not(login_list_add_lines(&list, "good\n-bad\n", wrong));
    cr_assert_str_eq(wrong, "-bad");
}
