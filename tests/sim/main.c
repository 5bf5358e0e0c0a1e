/* SPDX-License-Identifier: MIT */
/*
 * The simulator: runs seeds, in several processes, and says what they showed.
 *
 *     sim --seeds N [--from S] [--jobs J] [--break NAME]   exit status 1: a violation
 *     sim --trace SEED [--break NAME]                      every message and fault
 *     sim --tap --seeds N                                  the claims of the test suite
 *     sim --tap --proofs --seeds N                         what is broken is found
 */
#include "world.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64,
    FOUND_MAX = 400,
    SHOWN_MAX = 20,
    SEED_SECONDS = 20,
    SEEDS_REPEATED = 200
};

struct options {
    uint64_t seeds, from, trace;
    uint32_t jobs;
    bool tracing, tap, proofs, first_only;
    enum breakage breakage;
};

struct finding {
    uint64_t seed;
    char text[512];
};

/* What one job tells, in memory that it shares with its parent. */
struct report {
    uint64_t seed; /* it is at */
    bool over;
    struct tally tally;
    uint64_t violations;
    struct finding found[FOUND_MAX];
};

/* ---- running seeds ---- */

static void note(struct report *report, uint64_t seed, const char *text)
{
    if (report->violations < FOUND_MAX) {
        struct finding *finding = &report->found[report->violations];
        finding->seed = seed;
        snprintf(finding->text, sizeof finding->text, "%s", text);
    }
    report->violations++;
}

static void run_seeds(struct report *report, const struct options *options)
{
    struct world world;
    world_init(&world);
    world.tally = &report->tally;
    world.breakage = options->breakage;
    uint64_t end = options->from + options->seeds;
    for (; report->seed < end; report->seed += options->jobs) {
        alarm(SEED_SECONDS); /* a core that never returns */
        world_run(&world, report->seed);
        if (world.violation[0])
            note(report, report->seed, world.violation);
        if (world.violation[0] && options->first_only)
            break;
    }
    world_deinit(&world);
    report->over = true;
}

static pid_t start_job(struct report *report, const struct options *options)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (options->breakage != BREAK_NONE && !freopen("/dev/null", "w", stderr))
        _exit(2);
    run_seeds(report, options);
    _exit(0);
}

/* A job that died took a seed with it; another goes on behind it. */
static bool mind_job(struct report *report, const struct options *options, int status)
{
    char text[64];
    if (report->over)
        return false;
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    snprintf(text, sizeof text, "the simulator died: %s %d",
             WIFSIGNALED(status) ? "signal" : "status", number);
    note(report, report->seed, text);
    report->seed += options->jobs;
    return !options->first_only && report->seed < options->from + options->seeds;
}

static struct report *run_jobs(const struct options *options)
{
    pid_t pids[JOBS_MAX];
    struct report *reports = mmap(NULL, sizeof(struct report) * JOBS_MAX,
                                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                  -1, 0);
    if (reports == MAP_FAILED)
        abort();
    for (uint32_t i = 0; i < options->jobs; i++) {
        reports[i].seed = options->from + i;
        pids[i] = start_job(&reports[i], options);
    }
    int status;
    for (pid_t pid; (pid = wait(&status)) > 0 || errno == EINTR;)
        for (uint32_t i = 0; i < options->jobs; i++)
            if (pids[i] == pid && mind_job(&reports[i], options, status))
                pids[i] = start_job(&reports[i], options);
    return reports;
}

static void add_tally(struct tally *sum, const struct tally *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

/* The sum, and the findings of the lowest seeds first. */
static struct report sum_up(const struct report *reports, uint32_t jobs)
{
    struct report sum = {0};
    uint32_t next[JOBS_MAX] = {0};
    for (uint32_t i = 0; i < jobs; i++) {
        add_tally(&sum.tally, &reports[i].tally);
        sum.violations += reports[i].violations;
    }
    for (uint32_t found = 0; found < FOUND_MAX; found++) {
        const struct finding *lowest = NULL;
        uint32_t from = 0;
        for (uint32_t i = 0; i < jobs; i++) {
            uint64_t most = reports[i].violations;
            if (next[i] >= FOUND_MAX || next[i] >= most)
                continue;
            const struct finding *finding = &reports[i].found[next[i]];
            if (!lowest || finding->seed < lowest->seed)
                lowest = finding, from = i;
        }
        if (!lowest)
            break;
        next[from]++;
        sum.found[found] = *lowest;
    }
    return sum;
}

static struct report run(const struct options *options)
{
    struct report *reports = run_jobs(options);
    struct report sum = sum_up(reports, options->jobs);
    munmap(reports, sizeof(struct report) * JOBS_MAX);
    return sum;
}

/* ---- for a person ---- */

static void print_found(const struct report *sum, const struct options *options,
                        const char *prefix)
{
    for (uint64_t i = 0; i < sum->violations && i < SHOWN_MAX; i++)
        printf("%sseed %ju: %s\n", prefix, (uintmax_t)sum->found[i].seed,
               sum->found[i].text);
    if (sum->violations > 0)
        printf("%sreplay: tests/sim/run --trace %ju%s%s\n", prefix,
               (uintmax_t)sum->found[0].seed, options->breakage ? " --break " : "",
               options->breakage ? break_name(options->breakage) : "");
}

static void print_tally(const struct tally *t, const char *prefix)
{
    printf("%s%ju runs, %ju events, %ju messages of which %ju were lost, %.0f hours of "
           "virtual time\n",
           prefix, (uintmax_t)t->runs, (uintmax_t)t->events, (uintmax_t)t->messages,
           (uintmax_t)t->lost_messages, (double)t->virtual_us / 3600e6);
    printf("%sfaults:", prefix);
    for (int i = 0; i < FAULT_COUNT; i++)
        printf("%s %ju %s", i ? "," : "", (uintmax_t)t->faults[i],
               fault_text((enum fault)i));
    printf("\n%sended processes: %ju ventilators, %ju sinks, %ju workers\n", prefix,
           (uintmax_t)t->deaths[VENTILATOR], (uintmax_t)t->deaths[SINK],
           (uintmax_t)t->deaths[WORKER_0]);
    printf("%s%ju tasks given out again, %ju adopted from ledgers, %ju sessions lost, "
           "%ju results parked, %ju commits, %ju peers refused\n",
           prefix, (uintmax_t)t->retried, (uintmax_t)t->adopted,
           (uintmax_t)t->lost_sessions, (uintmax_t)t->parked, (uintmax_t)t->commits,
           (uintmax_t)t->refused);
    printf("%sruns that ended: %ju complete, %ju with a chunk that failed for good, "
           "%ju stopped by input, output or a signal\n",
           prefix, (uintmax_t)t->complete, (uintmax_t)t->stopped_by_chunk,
           (uintmax_t)t->stopped_otherwise);
}

static int report_plainly(const struct options *options)
{
    struct report sum = run(options);
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double seconds = (double)usage.ru_utime.tv_sec +
                     (double)usage.ru_utime.tv_usec / 1e6;
    print_tally(&sum.tally, "");
    printf("%.0f seeds a second of a processor\n", (double)sum.tally.runs / seconds);
    print_found(&sum, options, "");
    printf("%ju violations\n", (uintmax_t)sum.violations);
    return sum.violations > 0;
}

static int trace(const struct options *options)
{
    struct tally tally = {0};
    struct world world;
    world_init(&world);
    world.tally = &tally;
    world.breakage = options->breakage;
    world.tracing = true;
    setvbuf(stdout, NULL, _IOLBF, 0);
    world_run(&world, options->trace);
    printf("%s\n", world.violation[0] ? world.violation : "no violation");
    world_deinit(&world);
    return world.violation[0] != '\0';
}

/* ---- as tests ---- */

static int tap_number, tap_failures;

static void claim(bool holds, const char *text, uint64_t number)
{
    printf("%sok %d - %ju %s\n", holds ? "" : "not ", ++tap_number, (uintmax_t)number,
           text);
    tap_failures += !holds;
}

/* A seed is a bug report only if it means the same each time. */
static bool repeats(const struct options *options)
{
    struct options few = *options;
    few.jobs = 1;
    few.seeds = SEEDS_REPEATED;
    struct report first = run(&few), second = run(&few);
    return memcmp(&first.tally, &second.tally, sizeof first.tally) == 0 &&
           first.violations == second.violations;
}

static int tap_claims(const struct options *options)
{
    struct report sum = run(options);
    const struct tally *t = &sum.tally;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < FAULT_COUNT; i++)
        least = t->faults[i] < least ? t->faults[i] : least;
    printf("1..6\n");
    claim(sum.violations == 0, "violations", sum.violations);
    claim(t->runs == options->seeds, "seeds were run", t->runs);
    claim(least > 0, "faults at least of every kind", least);
    claim(t->retried > t->runs && t->adopted > 0,
          "tasks were given out again, and tasks moved over from ledgers", t->retried);
    claim(t->complete * 2 > t->runs && t->stopped_by_chunk > 0,
          "runs ended complete, and some with a chunk that failed for good",
          t->complete);
    claim(repeats(options), "seeds run again did the same", SEEDS_REPEATED);
    print_tally(t, "# ");
    print_found(&sum, options, "# ");
    return tap_failures > 0;
}

static int tap_proofs(struct options *options)
{
    printf("1..%d\n", BREAK_COUNT - 1);
    options->first_only = true;
    for (int i = BREAK_NONE + 1; i < BREAK_COUNT; i++) {
        options->breakage = (enum breakage)i;
        struct report sum = run(options);
        printf("%sok %d - found: %s (%s)\n", sum.violations ? "" : "not ", i,
               break_name(options->breakage), break_text(options->breakage));
        if (sum.violations)
            printf("# seed %ju: %s\n", (uintmax_t)sum.found[0].seed, sum.found[0].text);
        tap_failures += !sum.violations;
    }
    return tap_failures > 0;
}

/* ---- options ---- */

static void usage(void)
{
    fputs("usage: sim --seeds N [--from S] [--jobs J] [--break NAME] [--tap "
          "[--proofs]]\n       sim --trace SEED [--break NAME]\nbreaks:\n",
          stderr);
    for (int i = 1; i < BREAK_COUNT; i++)
        fprintf(stderr, "  %-15s %s\n", break_name((enum breakage)i),
                break_text((enum breakage)i));
    exit(2);
}

static enum breakage find_break(const char *name)
{
    for (int i = 0; i < BREAK_COUNT; i++)
        if (strcmp(name, break_name((enum breakage)i)) == 0)
            return (enum breakage)i;
    usage();
    return BREAK_NONE;
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || *end || end == text)
        usage();
    return value;
}

static void parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--tap") == 0)
            options->tap = true;
        else if (strcmp(argv[i], "--proofs") == 0)
            options->proofs = true;
        else if (more && strcmp(argv[i], "--seeds") == 0)
            options->seeds = number(argv[++i]);
        else if (more && strcmp(argv[i], "--from") == 0)
            options->from = number(argv[++i]);
        else if (more && strcmp(argv[i], "--jobs") == 0)
            options->jobs = (uint32_t)number(argv[++i]);
        else if (more && strcmp(argv[i], "--break") == 0)
            options->breakage = find_break(argv[++i]);
        else if (more && strcmp(argv[i], "--trace") == 0)
            options->tracing = true, options->trace = number(argv[++i]);
        else
            usage();
    }
    if (options->jobs < 1 || options->jobs > JOBS_MAX)
        options->jobs = 1;
}

int main(int argc, char **argv)
{
    struct options options = {.jobs = 1};
    parse(&options, argc, argv);
    if (options.tracing)
        return trace(&options);
    if (options.seeds == 0)
        usage();
    if (!options.tap)
        return report_plainly(&options);
    return options.proofs ? tap_proofs(&options) : tap_claims(&options);
}
