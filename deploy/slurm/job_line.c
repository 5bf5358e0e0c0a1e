/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/job_line.h"

#include "common/memory.h"
#include "deploy/slurm/time_limit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_OUTPUT = 53 /* no signal, but how Slurm says it */ };

/* The value behind " NAME=", where it stands; false: it has none. The text of a field
 * may contain blanks, but none of those that are asked for. */
static bool find_place(const char *line, size_t length, const char *name,
                       struct slice *ret_value)
{
    size_t name_length = strlen(name);
    for (size_t i = 0; i + name_length < length; i++) {
        if ((i > 0 && line[i - 1] != ' ') || line[i + name_length] != '=' ||
            memcmp(line + i, name, name_length) != 0)
            continue;
        const char *from = line + i + name_length + 1;
        size_t size = 0;
        while (from + size < line + length && from[size] != ' ')
            size++;
        *ret_value = (struct slice){(const uint8_t *)from, size};
        return true;
    }
    return false;
}

/* The same, cut to fit: for values that have a bound. */
static bool find(const char *line, size_t length, const char *name, char *value,
                 size_t size)
{
    struct slice place;
    if (!find_place(line, length, name, &place))
        return false;
    slice_copy_text(place, value, size);
    return true;
}

static uint32_t find_number(const char *line, size_t length, const char *name)
{
    char value[32];
    return find(line, length, name, value, sizeof value)
               ? (uint32_t)strtoul(value, NULL, 10)
               : 0;
}

/* "3", "4-6", "1,4-6%2": reads one range, and moves *list behind it. */
static bool next_range(const char **list, uint32_t *ret_first, uint32_t *ret_last)
{
    char *end;
    if (!**list || **list == '%')
        return false;
    unsigned long first = strtoul(*list, &end, 10), last = first;
    if (end == *list)
        return false;
    if (*end == '-')
        last = strtoul(end + 1, &end, 10);
    *list = *end == ',' ? end + 1 : end;
    *ret_first = (uint32_t)first;
    *ret_last = (uint32_t)last;
    return last >= first;
}

uint32_t job_tasks_count(const char *list)
{
    uint32_t count = 0, first, last;
    bool any = *list;
    while (next_range(&list, &first, &last))
        count += last - first + 1;
    return any ? count : 1;
}

uint32_t job_tasks_from_end(const char *list, uint32_t n)
{
    uint32_t from_start = job_tasks_count(list) - 1 - n, first, last;
    while (next_range(&list, &first, &last)) {
        if (from_start <= last - first)
            return first + from_start;
        from_start -= last - first + 1;
    }
    return 0;
}

/* "1-02:03:04" or "00:00:12", in seconds. */
static uint64_t read_run_time(const char *text)
{
    unsigned days = 0, hours = 0, minutes = 0, seconds = 0;
    if (sscanf(text, "%u-%u:%u:%u", &days, &hours, &minutes, &seconds) != 4) {
        days = 0;
        sscanf(text, "%u:%u:%u", &hours, &minutes, &seconds);
    }
    return ((days * UINT64_C(24) + hours) * 60 + minutes) * 60 + seconds;
}

static bool is_preempted(const char *line, size_t length)
{
    char when[64];
    return find(line, length, "PreemptTime", when, sizeof when) &&
           strcmp(when, "None") != 0;
}

static bool is_held(const char *state, const char *line, size_t length)
{
    static const char *const reasons[] = {"JobHeldUser", "JobHeldAdmin",
                                          "job_requeued_in_held_state"};
    char reason[64] = "";
    find(line, length, "Reason", reason, sizeof reason);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return strcmp(state, "REQUEUE_HOLD") == 0 || strcmp(state, "SPECIAL_EXIT") == 0;
}

static enum slurm_end read_end(const char *state, const char *line, size_t length,
                               int *ret_code)
{
    static const struct {
        const char *state;
        enum slurm_end end;
    } rows[] = {
        {"COMPLETED", SLURM_DONE},      {"CANCELLED", SLURM_CANCELLED},
        {"TIMEOUT", SLURM_TIMEOUT},     {"DEADLINE", SLURM_TIMEOUT},
        {"PREEMPTED", SLURM_PREEMPTED}, {"OUT_OF_MEMORY", SLURM_MEMORY},
        {"NODE_FAIL", SLURM_NODE},      {"BOOT_FAIL", SLURM_NODE},
        {"REQUEUED", SLURM_REQUEUED},   {"REQUEUE_HOLD", SLURM_REQUEUED},
    };
    char code[64] = "";
    int status = 0, signal = 0;
    *ret_code = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(state, rows[i].state) == 0)
            return rows[i].end == SLURM_CANCELLED && is_preempted(line, length)
                       ? SLURM_PREEMPTED
                       : rows[i].end;
    find(line, length, "ExitCode", code, sizeof code);
    sscanf(code, "%d:%d", &status, &signal);
    *ret_code = signal ? signal : status;
    if (signal == NO_OUTPUT)
        return SLURM_UNSEEN;
    return signal ? SLURM_KILLED : SLURM_FAILED;
}

static enum job_shape shape_of(const char *state)
{
    static const struct {
        const char *state;
        enum job_shape shape;
    } rows[] = {
        {"PENDING", JOB_PENDING},     {"CONFIGURING", JOB_PENDING},
        {"REQUEUED", JOB_PENDING},    {"REQUEUE_HOLD", JOB_PENDING},
        {"REQUEUE_FED", JOB_PENDING}, {"SPECIAL_EXIT", JOB_PENDING},
        {"RUNNING", JOB_RUNNING},     {"SUSPENDED", JOB_RUNNING},
        {"STOPPED", JOB_RUNNING},     {"RESIZING", JOB_RUNNING},
        {"SIGNALING", JOB_RUNNING},   {"STAGE_OUT", JOB_ENDING},
        {"COMPLETING", JOB_ENDING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(state, rows[i].state) == 0)
            return rows[i].shape;
    return JOB_OVER;
}

bool job_line_read(const char *line, size_t length, struct job_line *ret_line)
{
    char state[64] = "", nodes[8] = "", run_time[64] = "", limit[64] = "";
    *ret_line = (struct job_line){.id = find_number(line, length, "JobId")};
    if (!ret_line->id || !find(line, length, "JobState", state, sizeof state))
        return false;
    ret_line->array = find_number(line, length, "ArrayJobId");
    ret_line->restarts = find_number(line, length, "Restarts");
    find_place(line, length, "ArrayTaskId", &ret_line->tasks);
    ret_line->shape = shape_of(state);
    ret_line->end = read_end(state, line, length, &ret_line->code);
    ret_line->placed = find(line, length, "NodeList", nodes, sizeof nodes) && *nodes &&
                       strcmp(nodes, "(null)") != 0;
    find(line, length, "BatchHost", ret_line->node, sizeof ret_line->node);
    find(line, length, "RunTime", run_time, sizeof run_time);
    ret_line->run_time_s = read_run_time(run_time);
    find(line, length, "TimeLimit", limit, sizeof limit);
    if (!time_limit_read(limit, &ret_line->limit_s))
        ret_line->limit_s = 0;
    ret_line->preempted = is_preempted(line, length);
    ret_line->held = is_held(state, line, length);
    return true;
}

char *job_line_excluded(const char *line, size_t length)
{
    struct slice nodes;
    bool any = find_place(line, length, "ExcNodeList", &nodes) && nodes.size > 0 &&
               (nodes.size != 6 || memcmp(nodes.data, "(null)", 6) != 0);
    return any ? allocate_text("%.*s", (int)nodes.size, (const char *)nodes.data)
               : NULL;
}
