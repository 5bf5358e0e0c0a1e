/* SPDX-License-Identifier: MIT */
/* The environment and the limits of the user's processes, in modes exec and plugin. */
#include "tests/unit/worker/program/program_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
/* Fills so much memory, and then goes on reading for ever. */
#define EATS(size) "cat /dev/zero | tail -c " size

static struct program_fixture *open_exec(struct program_config config, const char *word,
                                         const char *option, const char *script)
{
    const char *words[] = {word, option, script, NULL};
    config.mode = PROGRAM_EXEC;
    config.slots = config.slots ? config.slots : 1;
    return fixture_open(&config, words);
}

static struct program_fixture *opened(struct program_config config, const char *script)
{
    struct program_fixture *fixture = open_exec(config, "sh", "-c", script);
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    return fixture;
}

static struct program_fixture *opened_plugin(struct program_config config,
                                             const char *kept)
{
    const char *words[] = {MEMORY_PLUGIN, "keep", kept, NULL};
    config.mode = PROGRAM_PLUGIN;
    config.plugin = MEMORY_PLUGIN;
    config.slots = config.slots ? config.slots : 1;
    struct program_fixture *fixture = fixture_open(&config, words);
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    return fixture;
}

static const char *answer(struct program_fixture *fixture, const char *text)
{
    struct note *note = fixture_run(fixture, text, strlen(text));
    cr_assert(note);
    cr_assert_eq(note->kind, NOTE_DONE, "%s", note->text);
    return (const char *)note->data;
}

/* ---- words and environment ---- */

Test(process_limits, numbers_take_the_placeholders_places_and_nothing_else_changes)
{
    const char *words[] = {"printf", "%s|",  "{#}",    "a  b'\"{%}\\",
                           "",       "{# }", "{%}{#}", NULL};
    struct program_config config = {.mode = PROGRAM_EXEC, .slots = 3};
    struct program_fixture *fixture = fixture_open(&config, words);
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    fixture_start(fixture, 2, 41, "", 0);
    cr_assert(fixture_await(fixture, 1));
    cr_assert_str_eq((char *)fixture->notes[0].data, "42|a  b'\"3\\||{# }|342|");
    fixture_start(fixture, 0, 0, "", 0);
    cr_assert(fixture_await(fixture, 2));
    cr_assert_str_eq((char *)fixture->notes[1].data, "1|a  b'\"1\\||{# }|11|");
    fixture_close(&fixture);
}

Test(process_limits, a_script_without_an_interpreter_gets_its_numbers_too)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "echo \"$@\"\n", 10), 10);
    fchmod(fd, 0700);
    close(fd);
    struct program_fixture *fixture =
        open_exec((struct program_config){0}, path, "a{#}", "{%}");
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    cr_assert_str_eq(answer(fixture, ""), "a1 1\n");
    fixture_close(&fixture);
    unlink(path);
}

Test(process_limits,
     the_environment_says_what_the_chunk_is_and_not_what_an_outer_one_was)
{
    setenv("FANFOLD_SEQ", "99", 1);
    setenv("FANFOLD_RECORDS", "99", 1);
    setenv("FANFOLD_FRAMES", "1", 1);
    setenv("FANFOLD_SEQUEL", "kept", 1);
    struct program_fixture *fixture =
        opened((struct program_config){0}, "env | grep ^FANFOLD | sort");
    cr_assert_str_eq(answer(fixture, "x"),
                     "FANFOLD_ATTEMPT=1\nFANFOLD_RECORDS=1\nFANFOLD_SEQ=0\n"
                     "FANFOLD_SEQUEL=kept\nFANFOLD_SLOT=1\n"
                     "FANFOLD_WORKER=0123456789abcdef\n");
    fixture_close(&fixture);
}

Test(process_limits, the_shell_runs_the_words_joined_by_blanks)
{
    setenv("SHELL", "/bin/bash", 1);
    struct program_config config = {.shell = true};
    struct program_fixture *fixture =
        open_exec(config, "cat |", "tr a-z A-Z;", "echo {#} ${BASH##*/}");
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    cr_assert_str_eq(answer(fixture, "word "), "WORD 1 bash\n");
    fixture_close(&fixture);
}

Test(process_limits, it_is_sh_where_no_shell_is_named)
{
    unsetenv("SHELL");
    struct program_fixture *fixture =
        open_exec((struct program_config){.shell = true}, "echo", "a", "  '  b'$0");
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    cr_assert_str_eq(answer(fixture, ""), "a   b/bin/sh\n");
    fixture_close(&fixture);
}

Test(process_limits, a_shell_that_is_not_there_is_told_at_once)
{
    setenv("SHELL", "/no/such/shell", 1);
    struct program_fixture *fixture =
        open_exec((struct program_config){.shell = true}, "a", "b", "c");
    cr_assert_eq(fixture->status, 127);
    cr_assert_str_eq(fixture->error, "/no/such/shell: command not found");
    fixture_close(&fixture);
}

/* ---- directory and niceness ---- */

Test(process_limits, the_program_runs_in_the_directory)
{
    struct program_fixture *fixture =
        opened((struct program_config){.workdir = "/usr/bin"}, "pwd");
    cr_assert_str_eq(answer(fixture, ""), "/usr/bin\n");
    fixture_close(&fixture);
    fixture = opened_plugin((struct program_config){.workdir = "/usr/bin"}, "0");
    cr_assert(strncmp(answer(fixture, "tell"), "/usr/bin ", 9) == 0);
    fixture_close(&fixture);
}

Test(process_limits, a_relative_command_is_that_of_the_directory)
{
    cr_assert_eq(chdir("/"), 0);
    struct program_config config = {.workdir = "usr/bin"};
    struct program_fixture *fixture = open_exec(config, "./printf", "%s", "here");
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    cr_assert_str_eq(answer(fixture, ""), "here");
    fixture_close(&fixture);
    fixture = open_exec(config, "usr/bin/printf", "%s", "there");
    cr_assert_eq(fixture->status, 127);
    fixture_close(&fixture);
    setenv("PATH", "/nowhere:.", 1);
    fixture = open_exec(config, "printf", "%s", "found");
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    cr_assert_str_eq(answer(fixture, ""), "found");
    fixture_close(&fixture);
}

Test(process_limits, a_directory_that_cannot_be_entered_is_told_at_once)
{
    struct program_fixture *fixture =
        open_exec((struct program_config){.workdir = "/no/where"}, "sh", "-c", "pwd");
    cr_assert_eq(fixture->status, 2);
    cr_assert_str_eq(fixture->error,
                     "--workdir: '/no/where': No such file or directory");
    fixture_close(&fixture);
    fixture =
        open_exec((struct program_config){.workdir = "/etc/passwd"}, "sh", "-c", "pwd");
    cr_assert_eq(fixture->status, 2);
    cr_assert_str_eq(fixture->error, "--workdir: '/etc/passwd': Not a directory");
    fixture_close(&fixture);
}

Test(process_limits, the_program_is_nice_and_the_worker_is_not)
{
    int own = getpriority(PRIO_PROCESS, 0), wanted = own < 12 ? own + 7 : 19;
    char said[64];
    struct program_fixture *fixture =
        opened((struct program_config){.niceness = wanted}, "nice");
    snprintf(said, sizeof said, "%d\n", wanted);
    cr_assert_str_eq(answer(fixture, ""), said);
    fixture_close(&fixture);
    fixture = opened_plugin((struct program_config){.niceness = wanted}, "0");
    snprintf(said, sizeof said, " %d 1 0123456789abcdef -", wanted);
    cr_assert(strstr(answer(fixture, "tell"), said));
    cr_assert_eq(getpriority(PRIO_PROCESS, 0), own);
    fixture_close(&fixture);
}

Test(process_limits, a_worker_that_is_nicer_stays_so_where_it_has_to)
{
    if (geteuid() == 0 && setuid(65534) < 0)
        cr_skip_test("only root may be less nice");
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_NICE, &none);
    setpriority(PRIO_PROCESS, 0, 19);
    struct program_fixture *fixture =
        opened((struct program_config){.niceness = 5}, "nice");
    cr_assert_str_eq(answer(fixture, ""), "19\n");
    fixture_close(&fixture);
    fixture = open_exec((struct program_config){.niceness = -5}, "sh", "-c", "nice");
    cr_assert_eq(fixture->status, 2);
    cr_assert_str_eq(fixture->error, "--nice: '-5': Permission denied");
    fixture_close(&fixture);
}

/* ---- memory ---- */

static void expect_greedy(const struct note *note, const char *allowed)
{
    cr_assert(note);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, FAILURE_MEMORY, "%d: %s", (int)note->cause, note->text);
    cr_assert_eq(note->code, FAILURE_MEMORY_LIMIT);
    cr_assert(strstr(note->text, "used "), "%s", note->text);
    cr_assert(strstr(note->text, allowed), "%s", note->text);
}

Test(process_limits,
     a_slot_that_uses_too_much_memory_is_ended_and_continues_with_the_next)
{
    struct program_config config = {.memory_bytes = 60 * MIB};
    struct program_fixture *fixture = opened(config,
                                             "read word; echo so far >&2; "
                                             "[ \"$word\" != eat ] || " EATS("200M"));
    struct note *note = fixture_run(fixture, "eat\n", 4);
    expect_greedy(note, "--memory allows 60.0 MiB");
    cr_assert(strncmp(note->text, "so far\nused ", 12) == 0, "%s", note->text);
    cr_assert_str_eq(answer(fixture, "no\n"), "");
    fixture_close(&fixture);
}

Test(process_limits, no_slot_suffers_for_another_one)
{
    struct program_config config = {.memory_bytes = 60 * MIB, .slots = 3};
    struct program_fixture *fixture =
        opened(config, "[ $FANFOLD_SLOT != 2 ] || " EATS("200M") "; cat; read end");
    fixture_start(fixture, 0, 10, "", 0);
    fixture_start(fixture, 1, 11, "", 0);
    fixture_start(fixture, 2, 12, "", 0);
    cr_assert(fixture_await(fixture, 3));
    for (uint32_t i = 0; i < 3; i++)
        if (fixture->notes[i].slot == 1)
            expect_greedy(&fixture->notes[i], "60.0 MiB");
        else
            cr_assert_eq(fixture->notes[i].cause, FAILURE_EXIT);
    fixture_close(&fixture);
}

Test(process_limits, survivors_of_a_program_are_charged_until_the_output_ends)
{
    struct program_fixture *fixture =
        opened((struct program_config){.memory_bytes = 60 * MIB},
               EATS("200M") " & echo parent is done");
    expect_greedy(fixture_run(fixture, "", 0), "60.0 MiB");
    fixture_close(&fixture);
}

Test(process_limits, a_process_that_leaves_its_group_is_charged_and_killed_as_well)
{
    int ends[2];
    char text[16] = "", script[128];
    cr_assert_eq(pipe(ends), 0);
    snprintf(script, sizeof script,
             "setsid -w sh -c 'echo $$ >/dev/fd/%d; " EATS("200M") "'; echo no",
             ends[1]);
    struct program_fixture *fixture =
        opened((struct program_config){.memory_bytes = 60 * MIB}, script);
    fixture_start(fixture, 0, 0, "", 0);
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    struct pollfd escaped = {.fd = (int)syscall(SYS_pidfd_open, atoi(text), 0),
                             .events = POLLIN};
    cr_assert_geq(escaped.fd, 0);
    cr_assert(fixture_await(fixture, 1));
    expect_greedy(&fixture->notes[0], "60.0 MiB");
    cr_assert_eq(poll(&escaped, 1, 20000), 1);
    fixture_close(&fixture);
}

Test(process_limits, a_sudden_demand_meets_a_wall)
{
    struct program_fixture *fixture = opened(
        (struct program_config){.memory_bytes = 64 * MIB}, "ulimit -d; ulimit -v");
    cr_assert_str_eq(answer(fixture, ""), "1114112\nunlimited\n", "1 GiB and 64 MiB");
    fixture_close(&fixture);
    fixture = opened((struct program_config){.memory_bytes = 2048 * MIB}, "ulimit -d");
    cr_assert_str_eq(answer(fixture, ""), "8388608\n", "4 times as much");
    fixture_close(&fixture);
    fixture = opened((struct program_config){0}, "ulimit -d");
    cr_assert_str_eq(answer(fixture, ""), "unlimited\n");
    fixture_close(&fixture);
}

Test(process_limits, a_plugin_slot_that_uses_too_much_memory_is_replaced)
{
    struct program_fixture *fixture =
        opened_plugin((struct program_config){.memory_bytes = 200 * MIB}, "1");
    fixture_start(fixture, 0, 0, "eat 300", 7);
    fixture_start(fixture, 0, 1, "fine", 4);
    cr_assert(fixture_await(fixture, 2));
    expect_greedy(&fixture->notes[0], "--memory allows 200.0 MiB");
    cr_assert(fixture->notes[1].kind == NOTE_UNSTARTED);
    cr_assert_str_eq(answer(fixture, "fine"), "fine");
    fixture_close(&fixture);
}

Test(process_limits, plugin_slots_are_charged_for_their_share_of_prepared_memory)
{
    struct program_config config = {.memory_bytes = 150 * MIB, .slots = 4};
    struct program_fixture *fixture = opened_plugin(config, "200");
    for (uint32_t slot = 0; slot < 4; slot++)
        fixture_start(fixture, slot, slot, "eat 30", 6);
    fixture_start(fixture, 3, 9, "never", 5);
    program_flush(fixture->program);
    /* They stay, while one that makes it all its own does not. */
    program_kill(fixture->program, 3, 3, 1);
    cr_assert(fixture_await(fixture, 1));
    cr_assert_eq(fixture->notes[0].kind, NOTE_UNSTARTED);
    fixture_start(fixture, 3, 10, "write", 5);
    cr_assert(fixture_await(fixture, 2));
    expect_greedy(&fixture->notes[1], "150.0 MiB");
    cr_assert_eq(fixture->notes[1].seq, 10);
    fixture_close(&fixture);
}

Test(process_limits, a_limit_that_no_slot_keeps_is_told)
{
    struct program_fixture *fixture =
        opened_plugin((struct program_config){.memory_bytes = 1}, "1");
    cr_assert(fixture_await_broken(fixture));
    cr_assert_eq(fixture->broken, 4);
    cr_assert_str_eq(fixture->error, "slot 1 uses more than --memory allows again and "
                                     "again before it begins a chunk");
    fixture_close(&fixture);
}
