/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/orders.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

/* Whoever says --exclude in the options is overruled by a later one, which so has
 * theirs as well. */
int order_submit(struct orders *orders, uint32_t count, const char *excluded,
                 int64_t now_us)
{
    const char *options = orders->config->options;
    char *script = allocate_text("%s/worker.sh", orders->directory);
    char *array = allocate_text("--array=1-%lu", (unsigned long)count);
    char *output = allocate_text("--output=%s/%%A_%%a.log", orders->directory);
    char *line = allocate_text(
        "exec sbatch --parsable --job-name=fanfold --requeue "
        "--open-mode=append \"$1\" \"$2\" %s ${4:+--exclude=\"$4\"} \"$3\"",
        options ? options : "");
    const char *argv[] = {
        "sh", "-c", line, "sh", array, output, script, excluded ? excluded : "", NULL};
    int result = command_start(&orders->command, argv, orders->config, now_us);
    free(line);
    free(output);
    free(array);
    free(script);
    return result;
}

/* Slurm cuts a list of tasks after 64 characters otherwise. */
static const char whole_lists[] = "SLURM_BITSTR_LEN=0";

int order_look(struct orders *orders, uint32_t array, int64_t now_us)
{
    char *number = allocate_text("%lu", (unsigned long)array);
    const char *argv[] = {"env",  whole_lists, "scontrol", "-o",
                          "show", "job",       number,     NULL};
    int result = command_start(&orders->command, argv, orders->config, now_us);
    free(number);
    return result;
}

int order_exclude(struct orders *orders, uint32_t array, const char *excluded,
                  int64_t now_us)
{
    char *job = allocate_text("JobId=%lu", (unsigned long)array);
    char *list = allocate_text("ExcNodeList=%s", excluded);
    const char *argv[] = {"scontrol", "update", job, list, NULL};
    int result = command_start(&orders->command, argv, orders->config, now_us);
    free(list);
    free(job);
    return result;
}

/* The words before, and each task. */
static int cancel_tasks(struct orders *orders, const char *const *words,
                        const struct slurm_task *tasks, size_t count, int64_t now_us)
{
    enum { WORDS_MAX = 8 };
    const char **argv = allocate_zeroed(WORDS_MAX + count + 1, sizeof *argv);
    char **names = allocate_zeroed(count + 1, sizeof *names);
    size_t used = 0;
    while (*words)
        argv[used++] = *words++;
    for (size_t i = 0; i < count; i++)
        argv[used++] = names[i] = allocate_text(
            "%lu_%lu", (unsigned long)tasks[i].array, (unsigned long)tasks[i].task);
    int result = command_start(&orders->command, argv, orders->config, now_us);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(argv);
    return result;
}

int order_withdraw(struct orders *orders, const struct slurm_task *tasks, size_t count,
                   int64_t now_us)
{
    static const char *const words[] = {"scancel", "-Q", "--state=PENDING", NULL};
    return cancel_tasks(orders, words, tasks, count, now_us);
}

int order_release(struct orders *orders, const struct slurm_task *tasks, size_t count,
                  int64_t now_us)
{
    static const char *const words[] = {"scancel", "-Q", "--batch", "--signal=TERM",
                                        NULL};
    return cancel_tasks(orders, words, tasks, count, now_us);
}

int order_cancel(struct orders *orders, const struct slurm_jobs *jobs, int64_t now_us)
{
    char *line = allocate_text("exec scancel -Q");
    for (uint32_t array = 0; (array = slurm_jobs_next_array(jobs, array));) {
        char *longer = allocate_text("%s %lu", line, (unsigned long)array);
        free(line);
        line = longer;
    }
    const char *argv[] = {"sh", "-c", line, NULL};
    int result = command_start(&orders->command, argv, orders->config, now_us);
    free(line);
    return result;
}

/* "12" or "12;cluster", behind what sbatch may warn of. */
uint32_t orders_read_array(const char *text)
{
    uint32_t array = 0;
    while (*text) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        if (end > text && (*end == '\n' || *end == ';' || !*end))
            array = (uint32_t)number;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return array;
}
