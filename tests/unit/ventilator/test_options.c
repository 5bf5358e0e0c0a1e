/* SPDX-License-Identifier: MIT */
/* What fanfold-ventilator's command line says of failures and of records. A wrong value
 * ends the process, so that is run in a child. */
#include "common/records/record_format_text.h"
#include "ventilator/options.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool parse(struct ventilator_options *options, const char **words)
{
    int count = 0;
    char *arguments[32];
    for (; words[count]; count++)
        arguments[count] = (char *)(uintptr_t)words[count]; /* nobody writes to it */
    arguments[count] = NULL;
    return ventilator_options_parse(count, arguments, options);
}

#define WORDS(...)                                       \
    (const char *[])                                     \
    {                                                    \
        "/usr/bin/fanfold-ventilator", __VA_ARGS__, NULL \
    }

static struct ventilator_options parsed(const char **words)
{
    struct ventilator_options options;
    cr_assert(parse(&options, words));
    return options;
}

/* Before a leak checker, which a child of a test with threads only confuses. */
static void end_at_once(int status, void *unused)
{
    (void)unused;
    fflush(NULL);
    _exit(status);
}

/* It says `reason`, and ends with status 2, by itself or by what it returns. */
static void expect_refused(const char **words, const char *reason)
{
    char text[4096] = "";
    int ends[2], status;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct ventilator_options options;
        on_exit(end_at_once, NULL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        exit(parse(&options, words) ? 0 : 2);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used + 1 < sizeof text; used += (size_t)got) {
        got = read(ends[0], text + used, sizeof text - 1 - used);
        if (got < 0)
            break;
    }
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 2, "%s %s: %s", words[1],
              words[2], text);
    cr_expect(strstr(text, reason), "%s %s: %s", words[1], words[2], text);
}

Test(options, have_defaults_that_stop_at_the_first_failure)
{
    struct ventilator_options options = parsed(WORDS("--quiet"));
    cr_expect_eq(options.retries, 3);
    cr_expect_eq(options.on_error, ON_ERROR_STOP);
    cr_expect_eq(options.halt.when, HALT_NEVER);
    cr_expect_eq(options.limit_ms, 0);
    cr_expect_eq(options.limit_percent, 0);
    cr_expect(!options.speculate && !options.resume);
    cr_expect_null(options.job_log);
    cr_expect_eq(options.chunker.format.end[0], '\n');
    cr_expect_eq(options.chunker.format.end_size, 1);
    cr_expect_eq(options.chunker.format.lines, 1);
}

Test(options, say_what_ends_a_record)
{
    struct ventilator_options options = parsed(WORDS("--recend", "\\r\\n", "-L", "4"));
    cr_expect_eq(options.chunker.format.end_size, 2);
    cr_expect_eq(memcmp(options.chunker.format.end, "\r\n", 2), 0);
    cr_expect_eq(options.chunker.format.lines, 4);
    options = parsed(WORDS("-0"));
    cr_expect_eq(options.chunker.format.end_size, 1);
    cr_expect_eq(options.chunker.format.end[0], '\0');
    char most[RECORD_MARK_MAX + 2] = "";
    memset(most, 'x', RECORD_MARK_MAX);
    cr_expect_eq(parsed(WORDS("--recend", most)).chunker.format.end_size,
                 RECORD_MARK_MAX);
    most[RECORD_MARK_MAX] = 'x';
    expect_refused(WORDS("--recend", most), "1 to 240 bytes");
    expect_refused(WORDS("--recend", ""), "1 to 240 bytes");
}

static const struct record_format *format_of(const char **words)
{
    static struct ventilator_options options;
    options = parsed(words);
    return &options.chunker.format;
}

static void expect_format(const char **words, const char *text)
{
    char printed[FORMAT_MAX_BYTES + 1];
    record_format_print(format_of(words), printed);
    cr_expect_str_eq(printed, text);
}

Test(options, say_what_a_record_is)
{
    expect_format(WORDS("--format=lines"), "lines=1 end=0a");
    expect_format(WORDS("--format", "nul"), "lines=1 end=00");
    expect_format(WORDS("--format", "nul", "-L3"), "lines=3 end=00");
    expect_format(WORDS("--format=csv"), "csv");
    expect_format(WORDS("--format=fasta"), "fasta");
    expect_format(WORDS("--format=fastq", "-N", "5"), "fastq");
    expect_format(WORDS("--format=frames"), "frames");
    expect_format(WORDS("--format=whole"), "whole");
    expect_format(WORDS("--fixed", "1K"), "fixed=1024");
    expect_format(WORDS("--recstart", ">"), "start=3e");
    expect_format(WORDS("--recstart", "\\n>", "--recend", ""), "start=0a3e");
    expect_format(WORDS("--recstart", ">", "--recend", "\\n"), "start=3e end=0a");
    expect_format(WORDS("--regexp", "--recend", "\\n+"), "regexp end=5c6e2b");
    expect_format(WORDS("--recstart", "^>", "--regexp"), "regexp start=5e3e");
    expect_format(WORDS("--recend", "x", "-0"), "lines=1 end=00");
    expect_format(WORDS("-0", "--recend", "x"), "lines=1 end=78");
}

Test(options, that_say_two_things_of_records_are_refused)
{
    expect_refused(WORDS("--format", "tsv"), "expected lines, nul, csv");
    expect_refused(WORDS("--format=csv", "--recend=x"),
                   "--format and --recend contradict each other");
    expect_refused(WORDS("--format=csv", "-L2"), "--format and -L contradict");
    expect_refused(WORDS("--format=lines", "-0"), "--format and -0 contradict");
    expect_refused(WORDS("--fixed=4", "--format=csv"), "--format and --fixed");
    expect_refused(WORDS("--fixed=4", "-L2"), "--fixed and -L");
    expect_refused(WORDS("--fixed=0", "-N1"), "a size from 1 to 4G");
    expect_refused(WORDS("--fixed=2M", "--max-record=1M"), "--max-record allows");
    expect_refused(WORDS("--recstart=x", "-0"), "--recstart and -0");
    expect_refused(WORDS("--recstart=x", "-L2"), "--recstart and -L");
    expect_refused(WORDS("--recstart=", "-N2"), "1 to 240 bytes");
    expect_refused(WORDS("--regexp", "-N2"), "--regexp needs");
    expect_refused(WORDS("--regexp", "--recend=(x"), "missing closing parenthesis");
    expect_refused(WORDS("--format=whole", "-N2"), "there is one record");
}

Test(options, limit_an_attempt_by_time_or_by_the_median)
{
    cr_expect_eq(parsed(WORDS("--timeout", "2.5m")).limit_ms, 150000);
    cr_expect_eq(parsed(WORDS("--timeout", "1h30m")).limit_ms, 5400000);
    cr_expect_eq(parsed(WORDS("--timeout", "0.0001")).limit_ms, 1, "not: no limit");
    struct ventilator_options options = parsed(WORDS("--timeout=7", "--timeout=150%"));
    cr_expect_eq(options.limit_percent, 150);
    cr_expect_eq(options.limit_ms, 0, "the last one counts");
    static const char *const bad[] = {"0", "100%", "50%", "x", "60d", "-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(WORDS("--timeout", bad[i]), "150%");
}

Test(options, say_what_follows_a_failure)
{
    cr_expect_eq(parsed(WORDS("--on-error", "skip")).on_error, ON_ERROR_SKIP);
    cr_expect_eq(parsed(WORDS("--on-error=isolate")).on_error, ON_ERROR_ISOLATE);
    cr_expect_eq(parsed(WORDS("--on-error=stop")).on_error, ON_ERROR_STOP);
    cr_expect(parsed(WORDS("--speculate")).speculate);
    cr_expect(parsed(WORDS("--resume")).resume);
    expect_refused(WORDS("--on-error", "ignore"), "stop, skip or isolate");
}

Test(options, a_log_of_jobs_is_a_file_and_not_standard_output)
{
    cr_expect_str_eq(parsed(WORDS("--joblog", "log")).job_log, "log");
    cr_expect_str_eq(parsed(WORDS("--joblog", "+log")).job_log, "+log");
    expect_refused(WORDS("--joblog", "-"), "--joblog: '-'");
    expect_refused(WORDS("--joblog", "+-"), "--joblog: '+-'");
    expect_refused(WORDS("--joblog="), "--joblog: ''");
}

Test(options, read_halt_as_gnu_parallel_does)
{
    static const struct {
        const char *text;
        struct halt halt;
    } good[] = {
        {"never", {HALT_NEVER, 0, 0}},     {"0", {HALT_NEVER, 0, 0}},
        {"now,fail=1", {HALT_NOW, 1, 0}},  {"soon,fail=30", {HALT_SOON, 30, 0}},
        {"now,fail=5%", {HALT_NOW, 0, 5}}, {"soon,fail=100%", {HALT_SOON, 0, 100}},
        {"1", {HALT_SOON, 1, 0}},          {"2", {HALT_NOW, 1, 0}},
        {"7%", {HALT_SOON, 0, 7}},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct halt halt =
            parsed(WORDS("--on-error=skip", "--halt", good[i].text)).halt;
        cr_expect_eq(halt.when, good[i].halt.when, "%s", good[i].text);
        cr_expect_eq(halt.tasks, good[i].halt.tasks, "%s", good[i].text);
        cr_expect_eq(halt.percent, good[i].halt.percent, "%s", good[i].text);
    }
    static const char *const bad[] = {
        "now",         "now,fail",       "now,fail=", "now,fail=0",    "soon,fail=0%",
        "now,fail=1x", "soon,fail=101%", "3",         "now,success=1", "soon,done=2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(WORDS("--on-error=skip", "--halt", bad[i]), "now,fail=N");
}

Test(options, refuse_halt_where_the_first_failure_stops_the_run)
{
    expect_refused(WORDS("--halt", "now,fail=2"), "--on-error skip");
    expect_refused(WORDS("--halt", "now,fail=2", "--on-error=stop"), "--on-error skip");
    cr_expect_eq(parsed(WORDS("--halt=never")).halt.when, HALT_NEVER);
}

Test(options, say_how_many_lines_are_a_header)
{
    struct ventilator_options options = parsed(WORDS("--quiet"));
    cr_expect(options.header_lines == 0 && options.header_out == 0);
    options = parsed(WORDS("--header", "2", "--header-out", "3"));
    cr_expect(options.header_lines == 2 && options.header_out == 3);
    cr_expect_eq(parsed(WORDS("--header=:")).header_lines, 1);
    cr_expect_eq(parsed(WORDS("--header-out=:")).header_out, 1);
    expect_refused(WORDS("--header-out", "-1"), "a number of lines");
    expect_refused(WORDS("--header", ".*"), "a number of lines");
}

Test(options, leave_the_block_to_the_run)
{
    struct ventilator_options options = parsed(WORDS("--quiet"));
    cr_expect_eq(options.chunker.block_bytes, 1 << 20);
    cr_expect_eq(options.block_most, 1 << 20);
    cr_expect(!options.chunker.block_auto);
    options = parsed(WORDS("--block", "auto"));
    cr_expect(options.chunker.block_auto);
    cr_expect_eq(options.block_most, 16 << 20);
    options = parsed(WORDS("--block=auto", "--max-record=2000"));
    cr_expect_eq(options.block_most, 2000);
    cr_expect_eq(options.chunker.block_bytes, 2000);
    options = parsed(WORDS("--block=auto", "--block=5"));
    cr_expect(!options.chunker.block_auto);
    cr_expect_eq(options.block_most, 5);
    expect_refused(WORDS("--block", "automatic"), "or auto");
    expect_refused(WORDS("--block=auto", "-N5"), "contradicts -N");
    expect_refused(WORDS("--block=auto", "--format=whole"), "contradicts a format");
    cr_expect(parsed(WORDS("--block=auto", "--fixed=9")).chunker.block_auto);
}

Test(options, have_a_latency_of_which_half_is_for_a_chunk_to_fill)
{
    struct ventilator_options options = parsed(WORDS("--latency", "10ms"));
    cr_expect_eq(options.block_timeout_us, 5000);
    cr_expect_eq(options.block_eager_us, 0);
    options = parsed(WORDS("--latency=0.2", "-N", "7"));
    cr_expect_eq(options.block_timeout_us, 100000);
    options = parsed(WORDS("--block-timeout", "10ms"));
    cr_expect_eq(options.block_timeout_us, 10000);
    cr_expect_eq(options.block_eager_us, 0);
    options = parsed(WORDS("--quiet"));
    cr_expect_eq(options.block_timeout_us, 1000000);
    cr_expect_eq(options.block_eager_us, 100000);
    options = parsed(WORDS("-N", "7"));
    cr_expect_eq(options.block_timeout_us, 0, "exactly seven, however long they take");
    expect_refused(WORDS("--latency", "0"), "at least 1ms");
    expect_refused(WORDS("--latency", "0.5ms"), "'0.5ms'");
    expect_refused(WORDS("--latency", "soon"), "such as 10ms");
    expect_refused(WORDS("--latency", "10ms", "--block-timeout", "1"),
                   "--latency excludes --block-timeout");
}

Test(ventilator_options, links_are_compressed_by_zstd_or_lz4_or_not)
{
    cr_assert_eq(parsed(WORDS("--quiet")).compression, PAYLOAD_PLAIN);
    cr_assert_eq(parsed(WORDS("--compress-links")).compression, PAYLOAD_ZSTD);
    cr_assert_eq(parsed(WORDS("--compress-links=zstd")).compression, PAYLOAD_ZSTD);
    cr_assert_eq(parsed(WORDS("--compress-links=lz4")).compression, PAYLOAD_LZ4);
    expect_refused(WORDS("--compress-links=gzip"), "expected zstd or lz4");
    expect_refused(WORDS("--compress-links="), "expected zstd or lz4");
}

Test(ventilator_options,
     strip_frame_makes_chunks_of_one_record_unless_another_size_is_said)
{
    static const char *const frames = "--format=frames";
    cr_assert_eq(parsed(WORDS("--strip-frame", frames)).chunker.records, 1);
    cr_assert_eq(parsed(WORDS("--strip-frame", frames)).block_timeout_us, 0);
    cr_assert_eq(parsed(WORDS("--strip-frame", frames, "-N5")).chunker.records, 5);
    cr_assert_eq(parsed(WORDS("--strip-frame", frames, "--block=1k")).chunker.records,
                 0);
    expect_refused(WORDS("--strip-frame"), "--strip-frame needs --format frames");
    expect_refused(WORDS("--strip-frame", "--format=csv"), "needs --format frames");
}
