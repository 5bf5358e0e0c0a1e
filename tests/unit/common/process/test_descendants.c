/* SPDX-License-Identifier: MIT */
#include "common/process/descendants.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* access() fails from now on in this process, as if the kernel listed no children. */
static void hide_lists_of_children(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __NR_access
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_access, 1, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_faccessat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOENT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

struct family {
    pid_t child, grandchild, orphan, zombie;
};

/* A child, its child in a session of its own, one that lost its parent, and one that
 * nobody has reaped yet. */
static struct family make_family(void)
{
    struct family family;
    int link[2];
    cr_assert_eq(pipe(link), 0);
    family.child = fork();
    if (family.child == 0) {
        pid_t pids[2] = {fork(), 0};
        if (pids[0] > 0) {
            pid_t parent = fork();
            if (parent == 0) {
                pids[1] = fork();
                if (pids[1] > 0) {
                    (void)!write(link[1], pids, sizeof pids);
                    _exit(0);
                }
                pause();
            }
            waitpid(parent, NULL, 0);
            (void)!write(link[1], "", 1);
        } else {
            setsid();
        }
        pause();
    }
    pid_t pids[2];
    char done;
    cr_assert_eq(read(link[0], pids, sizeof pids), (ssize_t)sizeof pids);
    cr_assert_eq(read(link[0], &done, 1), 1);
    family.grandchild = pids[0];
    family.orphan = pids[1];
    family.zombie = fork();
    if (family.zombie == 0)
        _exit(0);
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)family.zombie, &info, WEXITED | WNOWAIT), 0);
    close(link[0]);
    close(link[1]);
    return family;
}

static void assert_living(const struct children *list, const struct family *family)
{
    cr_assert_eq(list->count, 3);
    cr_assert(children_have(list, family->child));
    cr_assert(children_have(list, family->orphan));
    cr_assert(children_have(list, family->grandchild));
}

ParameterizedTestParameters(descendants,
                            are_found_by_the_kernels_lists_and_without_them)
{
    static bool hidden[] = {false, true};
    return cr_make_param_array(bool, hidden, 2);
}

ParameterizedTest(bool *hidden, descendants,
                  are_found_by_the_kernels_lists_and_without_them)
{
    struct children list;
    cr_assert(descendants_adopt());
    struct family family = make_family();
    if (*hidden)
        hide_lists_of_children();

    children_list(&list);
    cr_assert_eq(list.count, 3);
    cr_assert(children_have(&list, family.child));
    cr_assert(children_have(&list, family.orphan));
    cr_assert(children_have(&list, family.zombie));
    children_deinit(&list);

    descendants_list(&list);
    assert_living(&list, &family);
    children_deinit(&list);

    cr_assert_eq(descendants_list_below(getpid(), &list), !*hidden);
    if (!*hidden)
        assert_living(&list, &family);
    children_deinit(&list);

    cr_assert_eq(descendants_end(), 0);
    cr_assert_eq(kill(family.grandchild, 0), -1);
    cr_assert_eq(errno, ESRCH);
}
