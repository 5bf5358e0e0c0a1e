/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/scaler.h"

#include "common/clock.h"
#include "common/memory.h"
#include "common/parse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEADY_US     (2 * SECOND_US)  /* so long there are too few before it asks */
#define PAUSE_US      (10 * SECOND_US) /* between two arrays; doubled by each failure, */
#define PAUSE_MOST_US (300 * SECOND_US) /* up to this */

struct node {
    char name[256];
    unsigned deaths; /* in a row */
    bool excluded;
};

bool scaler_read_range(const char *text, uint32_t *ret_least, uint32_t *ret_most)
{
    const char *dots = strstr(text, "..");
    char least_text[16] = "";
    uint64_t least, most;
    if (dots && dots - text < (int)sizeof least_text)
        memcpy(least_text, text, (size_t)(dots - text));
    if (!parse_number(dots ? dots + 2 : text, 1, SCALER_MOST, &most) ||
        (dots && !parse_number(least_text, 0, most, &least)))
        return false;
    *ret_least = (uint32_t)(dots ? least : most);
    *ret_most = (uint32_t)most;
    return true;
}

void scaler_init(struct scaler *scaler, const struct scaler_config *config)
{
    *scaler = (struct scaler){
        .config = *config, .slots = 1, .hungry_us = NEVER_US, .sated_us = NEVER_US};
}

void scaler_deinit(struct scaler *scaler)
{
    free(scaler->nodes);
    scaler->nodes = NULL;
}

/* ---- how many there should be ---- */

/* That the chunks keep busy. */
static uint32_t useful(const struct scaler *scaler)
{
    const struct scaler_load *load = &scaler->load;
    uint64_t workers = (load->chunks + scaler->slots - 1) / scaler->slots;
    if (load->input == SCALER_INPUT_FULL || workers > scaler->config.most)
        return scaler->config.most;
    return (uint32_t)workers;
}

/* Before the load is known there are the least, and these are kept. */
static uint32_t wanted(const struct scaler *scaler)
{
    uint32_t workers = scaler->heard ? useful(scaler) : 0;
    return workers > scaler->config.least ? workers : scaler->config.least;
}

/* But at the end of the input nobody begins what nobody needs. */
static uint32_t wanted_anew(const struct scaler *scaler)
{
    bool ended = scaler->heard && scaler->load.input == SCALER_INPUT_ENDED;
    return ended ? useful(scaler) : wanted(scaler);
}

static uint32_t all(const struct scaler *scaler)
{
    return scaler->running + scaler->pending;
}

static uint32_t staying(const struct scaler *scaler)
{
    return all(scaler) - scaler->leaving;
}

/* Those that are there, and need not be. */
static uint32_t surplus(const struct scaler *scaler)
{
    uint32_t want = wanted(scaler);
    return staying(scaler) > want ? staying(scaler) - want : 0;
}

static void lower(struct scaler *scaler, uint32_t count)
{
    struct scaler_config *config = &scaler->config;
    config->most -= count < config->most ? count : config->most;
    config->least -= count < config->least ? count : config->least;
}

static void note(int64_t *since_us, bool is, int64_t now_us)
{
    if (!is)
        *since_us = NEVER_US;
    else if (*since_us == NEVER_US)
        *since_us = now_us;
}

/* ---- events ---- */

void scaler_on_load(struct scaler *scaler, const struct scaler_load *load)
{
    scaler->load = *load;
    scaler->heard = true;
    if (!load->workers)
        return;
    scaler->served = true;
    scaler->slots = (load->slots + load->workers - 1) / load->workers;
    if (!scaler->slots)
        scaler->slots = 1;
}

void scaler_on_jobs(struct scaler *scaler, const struct slurm_jobs *jobs)
{
    scaler->running = jobs->running;
    scaler->pending = jobs->pending;
    scaler->leaving = jobs->leaving;
}

void scaler_on_withdrawn(struct scaler *scaler, uint32_t count)
{
    lower(scaler, count);
}

static int64_t pause_of(unsigned failures)
{
    int64_t pause_us = PAUSE_US;
    for (unsigned i = 1; i < failures && pause_us < PAUSE_MOST_US; i++)
        pause_us *= 2;
    return pause_us < PAUSE_MOST_US ? pause_us : PAUSE_MOST_US;
}

static void pause_until(struct scaler *scaler, int64_t until_us)
{
    if (until_us > scaler->submit_us)
        scaler->submit_us = until_us;
}

static struct node *know(struct scaler *scaler, const char *name)
{
    for (size_t i = 0; i < scaler->node_count; i++)
        if (strcmp(scaler->nodes[i].name, name) == 0)
            return &scaler->nodes[i];
    scaler->nodes = room_for_one_more(scaler->nodes, scaler->node_count,
                                      &scaler->node_capacity, sizeof *scaler->nodes);
    struct node *node = &scaler->nodes[scaler->node_count++];
    *node = (struct node){.deaths = 0};
    snprintf(node->name, sizeof node->name, "%s", name);
    return node;
}

/* The pause is no longer the node's fault once the node is left out. */
static bool on_death(struct scaler *scaler, const char *name, int64_t now_us)
{
    pause_until(scaler, now_us + pause_of(++scaler->deaths));
    if (!*name)
        return false;
    struct node *node = know(scaler, name);
    if (++node->deaths < SCALER_DEATHS || node->excluded)
        return false;
    node->excluded = true;
    scaler->deaths = 0;
    scaler->submit_us = now_us + PAUSE_US;
    return true;
}

bool scaler_on_departure(struct scaler *scaler, const struct slurm_departure *departure,
                         int64_t now_us)
{
    bool once = departure->end == SLURM_CANCELLED || departure->end == SLURM_MEMORY ||
                departure->end == SLURM_SHORT || departure->end == SLURM_REFUSED ||
                (departure->end == SLURM_DONE && departure->early);
    bool died = departure->end == SLURM_FAILED || departure->end == SLURM_KILLED ||
                departure->end == SLURM_UNSEEN || departure->end == SLURM_NODE;
    if (once)
        lower(scaler, 1);
    scaler->refused |= departure->end == SLURM_REFUSED;
    if (died && departure->early)
        return on_death(scaler, departure->node, now_us);
    if (!departure->early) {
        know(scaler, departure->node)->deaths = 0;
        scaler->deaths = 0;
    }
    return false;
}

void scaler_on_taken(struct scaler *scaler, int64_t now_us)
{
    scaler->asked = true;
    scaler->refusals = 0;
    scaler->hungry_us = NEVER_US;
    pause_until(scaler, now_us + PAUSE_US);
}

int64_t scaler_on_refused(struct scaler *scaler, int64_t now_us)
{
    int64_t pause_us = pause_of(++scaler->refusals);
    bool enough = !scaler->served || scaler->refusals >= SCALER_REFUSALS;
    pause_until(scaler, now_us + pause_us);
    return !all(scaler) && enough ? 0 : pause_us;
}

/* ---- what to do ---- */

uint32_t scaler_ask(struct scaler *scaler, int64_t now_us)
{
    uint32_t want = wanted_anew(scaler), have = staying(scaler), most;
    note(&scaler->hungry_us, want > have && all(scaler) < scaler->config.most, now_us);
    note(&scaler->sated_us, surplus(scaler) > 0, now_us);
    if (scaler->hungry_us == NEVER_US || now_us < scaler->submit_us ||
        (scaler->asked && now_us - scaler->hungry_us < STEADY_US))
        return 0;
    most = scaler->config.most - all(scaler);
    return want - have < most ? want - have : most;
}

uint32_t scaler_withdraw(struct scaler *scaler, int64_t now_us)
{
    uint32_t count = surplus(scaler);
    if (!scaler->pending || scaler->sated_us == NEVER_US ||
        now_us - scaler->sated_us < scaler->config.idle_release_us)
        return 0;
    scaler->sated_us = now_us;
    return count < scaler->pending ? count : scaler->pending;
}

static int compare(const void *a, const void *b)
{
    int64_t left = ((const struct scaler_idle *)a)->idle_us;
    int64_t right = ((const struct scaler_idle *)b)->idle_us;
    return (left < right) - (left > right);
}

/* Those that do not run yet go first. */
uint32_t scaler_release(const struct scaler *scaler, struct scaler_idle *idle,
                        size_t count)
{
    uint32_t most = surplus(scaler), released = 0;
    most -= most < scaler->pending ? most : scaler->pending;
    qsort(idle, count, sizeof *idle, compare);
    while (released < most && released < count &&
           idle[released].idle_us >= scaler->config.idle_release_us)
        released++;
    return released;
}

int64_t scaler_due_us(const struct scaler *scaler)
{
    int64_t due_us = NEVER_US;
    if (scaler->hungry_us != NEVER_US)
        due_us = scaler->hungry_us + (scaler->asked ? STEADY_US : 0);
    if (due_us != NEVER_US && due_us < scaler->submit_us)
        due_us = scaler->submit_us;
    if (scaler->sated_us != NEVER_US && scaler->pending)
        due_us =
            clock_earlier(due_us, scaler->sated_us + scaler->config.idle_release_us);
    return due_us;
}

/* If no worker has ever joined the run, and those of two nodes died, it is not the
 * nodes' fault; nor if one could not run its command. */
bool scaler_is_over(const struct scaler *scaler)
{
    size_t bad = 0;
    for (size_t i = 0; i < scaler->node_count; i++)
        bad += scaler->nodes[i].deaths > 0;
    if (!scaler->asked || all(scaler) > 0)
        return false;
    return scaler->config.most == 0 ||
           (!scaler->served && (bad >= 2 || scaler->refused));
}

char *scaler_excluded(const struct scaler *scaler, const char *before)
{
    char *list = before ? allocate_text("%s", before) : NULL;
    for (size_t i = 0; i < scaler->node_count; i++) {
        const struct node *node = &scaler->nodes[i];
        if (!node->excluded)
            continue;
        char *longer =
            allocate_text("%s%s%s", list ? list : "", list ? "," : "", node->name);
        free(list);
        list = longer;
    }
    return list;
}
