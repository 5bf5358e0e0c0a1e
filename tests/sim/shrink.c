/* SPDX-License-Identifier: MIT */
/*
 * A candidate is the seed with one field of its scenario changed towards nothing. As
 * that shifts all chance behind it, each is tried with some other salts as well. The
 * same is found when the sentences are the same but for their numbers.
 */
#include "shrink.h"
#include "jobs.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SALTS = 40, WITH_MAX = 4096 };

struct shrinker {
    uint64_t seed;
    struct scenario scenario; /* as it is now */
    struct scenario drawn;    /* as the seed draws it */
    char finding[512];        /* without numbers */
    char text[512];           /* of the last one */
    uint32_t runs;
};

static void without_numbers(const char *text, char *to)
{
    for (; *text; text++)
        if (!isdigit((unsigned char)*text) && *text != '.' && *text != '-')
            *to++ = *text;
    *to = '\0';
}

/* What differs from what the seed draws, as --with takes it. */
static void print_with(const struct shrinker *shrinker, const struct scenario *scenario,
                       char *to)
{
    struct scenario now = *scenario, drawn = shrinker->drawn;
    size_t used = 0;
    *to = '\0';
    for (unsigned i = 0; scenario_name(i); i++)
        if (*scenario_field(&now, i) != *scenario_field(&drawn, i))
            used += (size_t)snprintf(to + used, WITH_MAX - used, "%s%s=%jd",
                                     used ? "," : "", scenario_name(i),
                                     (intmax_t)*scenario_field(&now, i));
}

static bool shows(struct shrinker *shrinker, const struct scenario *scenario)
{
    char with[WITH_MAX], finding[512];
    print_with(shrinker, scenario, with);
    struct job_options options = {
        .seeds = 1, .from = shrinker->seed, .jobs = 1, .with = with, .quiet = true};
    const struct report *report = run_seeds(&options);
    shrinker->runs++;
    if (!report->violations)
        return false;
    without_numbers(report->found[0].text, finding);
    if (shrinker->finding[0] && strcmp(finding, shrinker->finding) != 0)
        return false;
    strcpy(shrinker->finding, finding);
    strcpy(shrinker->text, report->found[0].text);
    return true;
}

static bool try_value(struct shrinker *shrinker, unsigned field, int64_t value)
{
    struct scenario scenario = shrinker->scenario;
    int64_t before = *scenario_field(&scenario, field);
    *scenario_field(&scenario, field) = value;
    for (int salt = 0; salt <= SALTS; salt++) {
        if (salt > 0)
            scenario.salt = salt;
        if (!shows(shrinker, &scenario))
            continue;
        shrinker->scenario = scenario;
        printf("%s: %jd, was %jd\n", scenario_name(field), (intmax_t)value,
               (intmax_t)before);
        fflush(stdout);
        return true;
    }
    return false;
}

/* The value at which a field does nothing, and whether it may be anything between. */
static int64_t idle_value(const char *name, bool *ret_counts)
{
    static const char *const places[] = {"input_fails", "output_closes", "disk_room"};
    static const char *const counts[] = {"workers",     "slots", "records", "chunk",
                                         "until_ms",    "drain", "retries", "losses",
                                         "min_workers", "depth"};
    static const char *const least[] = {"workers", "slots",   "chunk",   "min_workers",
                                        "depth",   "ordered", "journal", "records",
                                        "retries", "losses"};
    *ret_counts = false;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(name, places[i]) == 0)
            return NOT_EVER;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *ret_counts |= strcmp(name, counts[i]) == 0;
    for (size_t i = 0; i < sizeof least / sizeof *least; i++)
        if (strcmp(name, least[i]) == 0)
            return 1;
    return strcmp(name, "drain") == 0 ? 1000 : 0;
}

/* Whether it is not a thing to be shrunk. */
static bool is_fixed(const char *name)
{
    static const char *const names[] = {"salt",    "window",  "gap_ms",
                                        "ordered", "journal", "on_error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool shrink_field(struct shrinker *shrinker, unsigned field)
{
    bool counts;
    const char *name = scenario_name(field);
    int64_t now = *scenario_field(&shrinker->scenario, field);
    int64_t idle = idle_value(name, &counts);
    if (is_fixed(name) || now == idle)
        return false;
    if (try_value(shrinker, field, idle))
        return true;
    return counts && now / 2 > idle && try_value(shrinker, field, now / 2);
}

int shrink(uint64_t seed, const char *with)
{
    struct shrinker shrinker = {.seed = seed};
    struct random random;
    char options[WITH_MAX];
    random_seed(&random, seed);
    scenario_draw(&shrinker.drawn, &random, seed);
    shrinker.scenario = shrinker.drawn;
    scenario_set(&shrinker.scenario, with);
    if (!shows(&shrinker, &shrinker.scenario)) {
        printf("seed %ju shows no violation\n", (uintmax_t)seed);
        return 1;
    }
    printf("%s\n", shrinker.text);
    for (bool better = true; better;) {
        better = false;
        for (unsigned i = 0; scenario_name(i); i++)
            better |= shrink_field(&shrinker, i);
    }
    print_with(&shrinker, &shrinker.scenario, options);
    printf("%s\nafter %u runs; replay: tests/sim/run --trace %ju --with %s\n",
           shrinker.text, shrinker.runs, (uintmax_t)seed, options);
    return 0;
}
