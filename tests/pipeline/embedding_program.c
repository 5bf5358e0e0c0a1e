/* SPDX-License-Identifier: MIT */
/* A program that embeds fanfold, for test_libfanfold.py: CASE MODE COMMAND... It says
 * on standard output what it saw, and exits 1 at what must not be. */
#include "deploy/lib/libfanfold.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(condition)                                                 \
    do {                                                                \
        if (!(condition)) {                                             \
            fprintf(stderr, "line %d: not %s\n", __LINE__, #condition); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static struct fanfold_config config = FANFOLD_CONFIG_INIT;

static int wait_and_take(struct fanfold *run, struct fanfold_result *result)
{
    int outcome;
    while ((outcome = fanfold_take(run, result)) == FANFOLD_EMPTY)
        fanfold_wait(run, -1);
    return outcome;
}

static void must_push(struct fanfold *run, const char *text)
{
    MUST(fanfold_push(run, text, strlen(text), NULL) == FANFOLD_OK);
}

static void must_take(struct fanfold *run, const char *text)
{
    struct fanfold_result result;
    int outcome = wait_and_take(run, &result);
    if (outcome == FANFOLD_ERROR)
        fprintf(stderr, "%s\n", fanfold_error(run));
    MUST(outcome == FANFOLD_OK);
    MUST(result.kind == FANFOLD_RESULT && result.size == strlen(text));
    MUST(memcmp(result.data, text, result.size) == 0);
}

static void must_end(struct fanfold *run)
{
    struct fanfold_result result;
    MUST(fanfold_finish(run) == FANFOLD_OK);
    int outcome = wait_and_take(run, &result);
    if (outcome == FANFOLD_ERROR)
        fprintf(stderr, "%s\n", fanfold_error(run));
    MUST(outcome == FANFOLD_END);
    MUST(fanfold_take(run, &result) == FANFOLD_END);
    MUST(*fanfold_error(run) == '\0');
}

/* The sentence of a run that cannot go on. */
static void print_error(struct fanfold *run)
{
    struct fanfold_result result;
    MUST(wait_and_take(run, &result) == FANFOLD_ERROR);
    MUST(fanfold_push(run, "x", 1, NULL) == FANFOLD_ERROR);
    printf("%d: %s\n", fanfold_status(run), fanfold_error(run));
}

/* COUNT records, each its number; the command answers each with itself. */
static void run_many(struct fanfold *run, unsigned long count)
{
    unsigned long pushed = 0, taken = 0, most = 0;
    struct fanfold_result result;
    char text[32];
    int outcome;
    do {
        while (pushed < count) {
            uint64_t seq;
            size_t size = (size_t)sprintf(text, "%lu", pushed);
            if (fanfold_push(run, text, size, &seq) != FANFOLD_OK)
                break;
            MUST(seq == pushed++);
            if (pushed == count)
                fanfold_finish(run);
        }
        while ((outcome = fanfold_take(run, &result)) == FANFOLD_OK) {
            size_t size = (size_t)sprintf(text, "%lu", taken);
            MUST(result.seq == taken++ && result.size == size);
            MUST(memcmp(result.data, text, size) == 0);
        }
        most = pushed - taken > most ? pushed - taken : most;
    } while (outcome == FANFOLD_EMPTY && fanfold_wait(run, -1) != FANFOLD_ERROR);
    if (outcome == FANFOLD_ERROR)
        fprintf(stderr, "%s\n", fanfold_error(run));
    MUST(outcome == FANFOLD_END && taken == count && fanfold_status(run) == 0);
    printf("%lu in order\n", taken);
}

static void case_many(struct fanfold *run)
{
    run_many(run, strtoul(getenv("COUNT"), NULL, 10));
}

static void case_two(struct fanfold *run)
{
    struct fanfold *other = fanfold_open(&config);
    for (int i = 0; i < 20; i++) {
        must_push(run, "here");
        must_push(other, "there");
        must_take(other, "there");
        must_take(run, "here");
    }
    must_end(other);
    fanfold_close(&other);
    must_push(run, "here");
    must_take(run, "here");
    must_end(run);
}

static void case_fork(struct fanfold *run)
{
    int status;
    must_push(run, "before");
    pid_t pid = fork();
    if (pid == 0) {
        struct fanfold_result result;
        MUST(fanfold_push(run, "x", 1, NULL) == FANFOLD_ERROR);
        MUST(fanfold_take(run, &result) == FANFOLD_ERROR);
        MUST(fanfold_wait(run, -1) == FANFOLD_ERROR);
        MUST(fanfold_finish(run) == FANFOLD_ERROR);
        puts(fanfold_error(run));
        fanfold_close(&run);
        struct fanfold *own = fanfold_open(&config);
        must_push(own, "own");
        must_take(own, "own");
        must_end(own);
        fanfold_close(&own);
        exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid && status == 0);
    must_take(run, "before");
    must_push(run, "after");
    must_take(run, "after");
    must_end(run);
}

/* A fork that never closes its copies does not hold up the end. */
static void case_idle_fork(struct fanfold *run)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    must_push(run, "x");
    must_take(run, "x");
    must_end(run);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static pid_t only_child(void)
{
    FILE *file;
    char path[64];
    long pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    MUST((file = fopen(path, "r")));
    MUST(fscanf(file, "%ld", &pid) == 1);
    fclose(file);
    return (pid_t)pid;
}

static void case_killed(struct fanfold *run)
{
    must_push(run, "x");
    must_take(run, "x");
    kill(only_child(), SIGKILL);
    print_error(run);
}

static void case_error(struct fanfold *run)
{
    if (*fanfold_error(run) == '\0')
        must_push(run, "x");
    print_error(run);
}

static void case_sizes(struct fanfold *run)
{
    struct iovec parts[2] = {{(void *)"x", 1}, {(void *)"x", UINT32_MAX}};
    struct fanfold_result result;
    must_push(run, "");
    MUST(fanfold_push(run, "x", (size_t)UINT32_MAX + 1, NULL) == FANFOLD_ERROR);
    puts(fanfold_error(run));
    MUST(fanfold_pushv(run, parts, 2, NULL) == FANFOLD_ERROR);
    MUST(fanfold_pushv(run, parts, 65, NULL) == FANFOLD_ERROR);
    puts(fanfold_error(run));
    size_t size = 100 << 20;
    char *large = malloc(size);
    for (size_t i = 0; i < size; i++)
        large[i] = (char)(i >> 12 ^ i);
    MUST(fanfold_push(run, large, size, NULL) == FANFOLD_OK);
    must_take(run, "");
    MUST(wait_and_take(run, &result) == FANFOLD_OK && result.size == size);
    MUST(memcmp(result.data, large, size) == 0);
    free(large);
    MUST(fanfold_finish(run) == FANFOLD_OK);
    MUST(fanfold_push(run, "x", 1, NULL) == FANFOLD_ERROR);
    MUST(wait_and_take(run, &result) == FANFOLD_END);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    MUST(file && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Nobody takes: the run takes no more at some point, and this process does not grow. */
static void case_full(struct fanfold *run)
{
    enum { SIZE = 10000 };
    char record[SIZE] = {0};
    struct fanfold_result result;
    unsigned long pushed = 0, taken = 0;
    long before = resident_kib();
    int gate = open(getenv("GATE"), O_RDWR); /* nobody has passed it yet */
    for (;;) {
        int outcome = fanfold_push(run, record, SIZE, NULL);
        MUST(outcome != FANFOLD_ERROR);
        if (outcome == FANFOLD_OK)
            pushed++;
        else if (fanfold_wait(run, 1500) == FANFOLD_EMPTY)
            break;
        else
            MUST(fanfold_take(run, &result) == FANFOLD_EMPTY);
    }
    printf("%lu KiB pushed, %ld KiB more\n", pushed * SIZE / 1024,
           resident_kib() - before);
    for (unsigned long i = 0; i < 2 * pushed; i++)
        MUST(write(gate, "\n", 1) == 1 || errno == EAGAIN);
    MUST(fanfold_finish(run) == FANFOLD_OK);
    while (wait_and_take(run, &result) == FANFOLD_OK)
        taken++;
    MUST(taken == pushed && fanfold_status(run) == 0);
}

static void case_failed(struct fanfold *run)
{
    struct fanfold_result result;
    must_push(run, "good");
    must_push(run, "bad");
    must_push(run, "good");
    must_take(run, "good");
    MUST(wait_and_take(run, &result) == FANFOLD_OK && result.kind == FANFOLD_FAILED);
    printf("record %llu: %s after %u attempts: %s\n", (unsigned long long)result.seq,
           result.reason, result.attempts, result.text);
    must_take(run, "good");
    must_end(run);
    printf("status %d\n", fanfold_status(run));
}

static void case_closed(struct fanfold *run)
{
    for (int i = 0; i < 50; i++)
        must_push(run, "x");
    must_take(run, "x");
}

static void case_unordered(struct fanfold *run)
{
    struct fanfold_result result;
    unsigned seen = 0;
    must_push(run, "slow");
    must_push(run, "fast");
    for (int i = 0; i < 2; i++) {
        MUST(wait_and_take(run, &result) == FANFOLD_OK);
        MUST(result.size == 4);
        seen |= 1U << result.seq;
        printf("%llu\n", (unsigned long long)result.seq);
        MUST(open(getenv("GATE"), O_RDWR) >= 0); /* the other may pass */
    }
    MUST(seen == 3);
    must_end(run);
}

/* A record that found no room is waited for by its caller: although a look for results
 * wrote what was in its way, and nothing is answered before the gate opens. */
static void case_room(struct fanfold *run)
{
    enum { SIZE = 700 << 10, LOOKS = 100 };
    static char record[SIZE];
    struct fanfold_result result;
    uint64_t pushed = 0, taken = 0;
    memset(record, 'x', sizeof record);
    record[SIZE - 1] = '\n';
    while (fanfold_push(run, record, SIZE, NULL) == FANFOLD_OK)
        pushed++;
    for (int i = 0; i < LOOKS; i++) {
        MUST(fanfold_wait(run, 30000) == FANFOLD_OK);
        MUST(fanfold_take(run, &result) == FANFOLD_EMPTY);
    }
    MUST(fanfold_push(run, record, SIZE, NULL) == FANFOLD_OK);
    MUST(open(getenv("GATE"), O_RDWR) >= 0);
    MUST(fanfold_finish(run) == FANFOLD_OK);
    while (wait_and_take(run, &result) == FANFOLD_OK)
        taken++;
    MUST(taken == pushed + 1);
}

static const struct {
    const char *name;
    void (*run)(struct fanfold *run);
} cases[] = {
    {"many", case_many},           {"two", case_two},
    {"fork", case_fork},           {"idle-fork", case_idle_fork},
    {"killed", case_killed},       {"error", case_error},
    {"sizes", case_sizes},         {"full", case_full},
    {"failed", case_failed},       {"closed", case_closed},
    {"unordered", case_unordered}, {"room", case_room},
};

int main(int argc, char **argv)
{
    MUST(argc >= 3);
    setvbuf(stdout, NULL, _IOLBF, 0);
    config.mode = *argv[2] ? argv[2] : NULL;
    config.command = argc > 3 ? (const char *const *)argv + 3 : NULL;
    config.slots = 2;
    config.unordered = strcmp(argv[1], "unordered") == 0;
    config.options = (const char *const[]){"--max-result=200M", NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(argv[1], cases[i].name) == 0) {
            struct fanfold *run = fanfold_open(&config);
            cases[i].run(run);
            fanfold_close(&run);
            MUST(!run);
            return 0;
        }
    return 2;
}
