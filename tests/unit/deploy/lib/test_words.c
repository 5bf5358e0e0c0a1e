/* SPDX-License-Identifier: MIT */
#include "deploy/lib/words.h"
#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

static bool has(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->items[i], word) == 0)
            return true;
    return false;
}

Test(words, make_one_task_of_each_record)
{
    struct fanfold_config config = FANFOLD_CONFIG_INIT;
    struct words words;
    words_init(&words, &config, "/bin/fanfold");
    cr_assert_not(words.failed);
    cr_assert_str_eq(words.items[0], "/bin/fanfold");
    cr_assert(has(&words, "--format=frames") && has(&words, "-N1"));
    cr_assert(has(&words, "--frames-out=tagged") && has(&words, "--strip-frame"));
    cr_assert_null(words.items[words.count]);
    words_deinit(&words);
}

Test(words, put_the_callers_options_behind_ours_and_the_command_last)
{
    struct fanfold_config config = FANFOLD_CONFIG_INIT;
    struct words words;
    config.options = (const char *const[]){"--timeout=1s", NULL};
    config.command = (const char *const[]){"tr", "-d", "x y", NULL};
    words_init(&words, &config, "fanfold");
    cr_assert_str_eq(words.items[words.count - 6], "--embedded");
    cr_assert_str_eq(words.items[words.count - 5], "--timeout=1s");
    cr_assert_str_eq(words.items[words.count - 4], "--");
    cr_assert_str_eq(words.items[words.count - 1], "x y");
    cr_assert(has(&words, "--private-dead-letters"));
    words_deinit(&words);
}

Test(words, say_what_the_configuration_says)
{
    struct fanfold_config config = FANFOLD_CONFIG_INIT;
    struct words words;
    config.mode = "frames";
    config.slots = 3;
    config.retries = 2;
    config.on_error = FANFOLD_STOP;
    config.unordered = config.keep_frame = 1;
    config.hosts = "a,b";
    config.tasks = "tcp://*";
    words_init(&words, &config, "fanfold");
    cr_assert(has(&words, "--mode=frames") && has(&words, "-j3"));
    cr_assert(has(&words, "--retries=2") && has(&words, "--on-error=stop"));
    cr_assert_not(has(&words, "--private-dead-letters"));
    cr_assert(has(&words, "--unordered") && has(&words, "-Sa,b"));
    cr_assert(has(&words, "--tasks=tcp://*") && !has(&words, "--strip-frame"));
    words_deinit(&words);
}
