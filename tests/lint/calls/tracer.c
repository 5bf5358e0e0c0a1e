/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program that was built with -finstrument-functions: notes each entry
 * and each exit of a function in FANFOLD_CALLS/PROGRAM.PID, one word each, the address
 * relative to the program twice, plus one where it is an entry. The notes lie in a
 * shared mapping, so that they survive however the process ends. A forked child has
 * notes of its own; a child of vfork writes into its parent's. Other threads than the
 * first are left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

enum { WORDS_MAX = 1 << 27 };

static uint64_t *words; /* the first is the number of those that follow */
static uintptr_t base;
static bool failed;

static int note_base(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    base = info->dlpi_addr; /* the program itself comes first */
    return 1;
}

static void forget(void)
{
    if (words)
        munmap(words, WORDS_MAX * sizeof *words);
    words = NULL;
}

static void begin(void)
{
    const char *folder = getenv("FANFOLD_CALLS");
    char path[PATH_MAX];
    int fd = -1;

    failed = true;
    if (folder) {
        snprintf(path, sizeof path, "%s/%s.%d", folder, program_invocation_short_name,
                 (int)getpid());
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    if (fd < 0)
        return;
    if (ftruncate(fd, WORDS_MAX * (off_t)sizeof *words) == 0) {
        void *memory = mmap(NULL, WORDS_MAX * sizeof *words, PROT_READ | PROT_WRITE,
                            MAP_SHARED, fd, 0);
        words = memory == MAP_FAILED ? NULL : memory;
    }
    close(fd);
    failed = !words;
    if (words && !base) {
        dl_iterate_phdr(note_base, NULL);
        pthread_atfork(NULL, NULL, forget);
    }
}

static void note(const void *function, bool enters)
{
    static __thread int first; /* 0: not known yet */

    if (!first)
        first = syscall(SYS_gettid) == getpid() ? 1 : -1;
    if (first < 0 || failed)
        return;
    if (!words)
        begin();
    if (words && *words + 1 < WORDS_MAX)
        words[++*words] = ((uintptr_t)function - base) << 1 | enters;
}

void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    note(function, true);
}

void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)caller;
    note(function, false);
}
