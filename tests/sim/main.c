/* SPDX-License-Identifier: MIT */
/*
 * The simulator: runs seeds, in several processes, and prints what they showed.
 *
 *     sim --seeds N [--from S] [--jobs J]   exit status 1: a violation
 *     sim --find N [--from S] [--jobs J]    ends with the first violation
 *     sim --trace SEED                      every message and fault
 *     sim --shrink SEED                     a smaller failing history
 *     sim --tap --seeds N                   the claims of the test suite
 *
 * With each, `--with SCENARIO` sets fields that the seed draws otherwise:
 * NAME=NUMBER[,NAME=NUMBER...].
 */
#include "jobs.h"
#include "seed.h"
#include "shrink.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SHOWN_MAX = 20, SEEDS_REPEATED = 200 };

struct options {
    struct job_options job;
    uint64_t seed;
    enum { SEEDS, FIND, TRACE_ONE, SHRINK } what;
    bool tap;
};

/* ---- for a person ---- */

static void print_found(const struct report *sum, const struct options *options,
                        const char *prefix)
{
    const char *with = options->job.with;
    for (uint64_t i = 0; i < sum->violations && i < SHOWN_MAX; i++)
        printf("%sseed %ju: %s\n", prefix, (uintmax_t)sum->found[i].seed,
               sum->found[i].text);
    if (sum->violations > 0)
        printf("%sreplay: tests/sim/run --trace %ju%s%s\n", prefix,
               (uintmax_t)sum->found[0].seed, with ? " --with " : "", with ? with : "");
}

static void print_faults(const struct tally *t, const char *prefix)
{
    printf("%sfaults:", prefix);
    for (int i = 0; i < FAULT_COUNT; i++)
        printf("%s %ju %s", i ? "," : "", (uintmax_t)t->faults[i],
               fault_text((enum fault)i));
    printf("\n%sended processes: %ju ventilators, %ju sinks, %ju workers\n", prefix,
           (uintmax_t)t->deaths[VENTILATOR], (uintmax_t)t->deaths[SINK],
           (uintmax_t)t->deaths[WORKER]);
}

static void print_tally(const struct tally *t, const char *prefix)
{
    printf("%s%ju seeds, %ju events, %ju messages of which %ju were lost, %.0f hours "
           "of virtual time\n",
           prefix, (uintmax_t)t->runs, (uintmax_t)t->events, (uintmax_t)t->messages,
           (uintmax_t)t->lost_messages, (double)t->virtual_us / 3600e6);
    print_faults(t, prefix);
    printf("%s%ju tasks given out again, %ju copies, %ju to be isolated of which %ju "
           "were probes, %ju adopted from ledgers\n",
           prefix, (uintmax_t)t->retried, (uintmax_t)t->speculated,
           (uintmax_t)t->isolated, (uintmax_t)t->probes, (uintmax_t)t->adopted);
    printf(
        "%s%ju sessions lost, %ju results parked, %ju spilled, %ju commits, %ju peers "
        "refused\n",
        prefix, (uintmax_t)t->lost_sessions, (uintmax_t)t->parked,
        (uintmax_t)t->spilled, (uintmax_t)t->commits, (uintmax_t)t->refused);
    printf("%s%ju chunks and %ju records became dead letters, %ju runs were drained\n",
           prefix, (uintmax_t)t->dead_letters, (uintmax_t)t->bad_records,
           (uintmax_t)t->drained);
    printf("%sruns: %ju complete, %ju of them with dead letters; stopped %ju times, "
           "resumed %ju times; at most %.0f s without progress\n",
           prefix, (uintmax_t)t->complete, (uintmax_t)t->with_dead_letters,
           (uintmax_t)t->stopped, (uintmax_t)t->resumed, (double)t->longest_us / 1e6);
}

static int report_plainly(const struct options *options)
{
    const struct report *sum = run_seeds(&options->job);
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double seconds = (double)usage.ru_utime.tv_sec +
                     (double)usage.ru_utime.tv_usec / 1e6;
    print_tally(&sum->tally, "");
    printf("%.0f seeds a second of a processor\n", (double)sum->tally.runs / seconds);
    print_found(sum, options, "");
    printf("%ju violations\n", (uintmax_t)sum->violations);
    return sum->violations > 0;
}

/* "SEEDS SEED TEXT": how many were run for it, and what was found. */
static int find(const struct options *options)
{
    const struct report *sum = run_seeds(&options->job);
    if (!sum->violations)
        printf("%ju - nothing\n", (uintmax_t)options->job.seeds);
    else
        printf("%ju %ju %s\n", (uintmax_t)(sum->found[0].seed - options->job.from + 1),
               (uintmax_t)sum->found[0].seed, sum->found[0].text);
    return sum->violations > 0;
}

static int trace(const struct options *options)
{
    struct tally tally = {0};
    struct world world;
    world_init(&world);
    world.tally = &tally;
    world.with = options->job.with;
    world.tracing = true;
    setvbuf(stdout, NULL, _IOLBF, 0);
    seed_run(&world, options->seed);
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
    static struct report first;
    struct job_options few = options->job;
    few.jobs = 1;
    few.seeds = SEEDS_REPEATED;
    first = *run_seeds(&few);
    const struct report *second = run_seeds(&few);
    return memcmp(&first.tally, &second->tally, sizeof first.tally) == 0 &&
           first.violations == second->violations;
}

static int tap_claims(const struct options *options)
{
    static struct report sum;
    sum = *run_seeds(&options->job);
    const struct tally *t = &sum.tally;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < FAULT_COUNT; i++)
        least = t->faults[i] < least ? t->faults[i] : least;
    printf("1..9\n");
    claim(sum.violations == 0, "violations", sum.violations);
    claim(t->runs == options->job.seeds, "seeds were run", t->runs);
    claim(least > 0, "faults at least of every kind", least);
    claim(t->retried > t->runs && t->adopted > 0,
          "tasks were given out again, and tasks moved over from ledgers", t->retried);
    claim(t->dead_letters > 0 && t->bad_records > 0 && t->probes > 0,
          "records became dead letters, as part of a chunk and by themselves",
          t->bad_records);
    claim(t->resumed > 0 && t->drained > 0, "runs were resumed", t->resumed);
    claim(t->aside > 0 && t->back > 0 && t->preempted > 0,
          "workers were set aside and came back, and runs were preempted", t->aside);
    claim(t->complete * 10 > t->runs * 9, "runs ended complete", t->complete);
    claim(repeats(options), "seeds run again did the same", SEEDS_REPEATED);
    print_tally(t, "# ");
    print_found(&sum, options, "# ");
    return tap_failures > 0;
}

/* ---- options ---- */

static void usage(void)
{
    fputs("usage: sim --seeds N | --find N [--from S] [--jobs J] [--with SCENARIO] "
          "[--tap]\n"
          "       sim --trace SEED | --shrink SEED [--with SCENARIO]\n"
          "SCENARIO: NAME=NUMBER,... of",
          stderr);
    for (unsigned i = 0; scenario_name(i); i++)
        fprintf(stderr, " %s", scenario_name(i));
    fputc('\n', stderr);
    exit(2);
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

static bool parse_number(struct options *options, const char *name, const char *text)
{
    if (strcmp(name, "--seeds") == 0)
        options->what = SEEDS, options->job.seeds = number(text);
    else if (strcmp(name, "--find") == 0)
        options->what = FIND, options->job.seeds = number(text);
    else if (strcmp(name, "--from") == 0)
        options->job.from = number(text);
    else if (strcmp(name, "--jobs") == 0)
        options->job.jobs = (uint32_t)number(text);
    else if (strcmp(name, "--trace") == 0)
        options->what = TRACE_ONE, options->seed = number(text);
    else if (strcmp(name, "--shrink") == 0)
        options->what = SHRINK, options->seed = number(text);
    else
        return false;
    return true;
}

static void parse(struct options *options, int argc, char **argv)
{
    struct scenario scenario = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tap") == 0)
            options->tap = true;
        else if (i + 1 == argc)
            usage();
        else if (strcmp(argv[i], "--with") == 0)
            options->job.with = argv[++i];
        else if (parse_number(options, argv[i], argv[i + 1]))
            i++;
        else
            usage();
    }
    if (!scenario_set(&scenario, options->job.with))
        usage();
    options->job.first_only = options->job.quiet = options->what == FIND;
}

int main(int argc, char **argv)
{
    struct options options = {.job = {.jobs = 1}};
    parse(&options, argc, argv);
    switch (options.what) {
    case TRACE_ONE:
        return trace(&options);
    case SHRINK:
        return shrink(options.seed, options.job.with);
    case FIND:
        return find(&options);
    case SEEDS:
        break;
    }
    if (options.job.seeds == 0)
        usage();
    return options.tap ? tap_claims(&options) : report_plainly(&options);
}
