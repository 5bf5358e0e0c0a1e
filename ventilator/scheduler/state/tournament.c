/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/tournament.h"

#include "common/memory.h"
#include <stdbool.h>
#include <stdlib.h>

enum { CAPACITY_AT_FIRST = 8 };

/* Winners from `capacity` on stand for the seats themselves. */
static void play_all(struct tournament *tournament);

static void make_seats(struct tournament *tournament, uint32_t from, uint32_t capacity)
{
    tournament->seats =
        reallocate(tournament->seats, capacity, sizeof *tournament->seats);
    tournament->winners = reallocate(tournament->winners, 2 * (size_t)capacity,
                                     sizeof *tournament->winners);
    tournament->capacity = capacity;
    for (uint32_t i = from; i < capacity; i++)
        tournament->seats[i] = (struct tournament_seat){.key = TOURNAMENT_EMPTY};
    play_all(tournament);
}

void tournament_init(struct tournament *tournament)
{
    *tournament = (struct tournament){0};
    make_seats(tournament, 0, CAPACITY_AT_FIRST);
}

void tournament_deinit(struct tournament *tournament)
{
    free(tournament->seats);
    free(tournament->winners);
    *tournament = (struct tournament){0};
}

static bool beats(const struct tournament_seat *a, const struct tournament_seat *b)
{
    return a->key < b->key || (a->key == b->key && a->tie < b->tie);
}

static uint32_t play(const struct tournament *tournament, uint32_t match)
{
    uint32_t one = tournament->winners[2 * match];
    uint32_t other = tournament->winners[2 * match + 1];
    return beats(&tournament->seats[other], &tournament->seats[one]) ? other : one;
}

static void play_all(struct tournament *tournament)
{
    uint32_t capacity = tournament->capacity;
    for (uint32_t i = 0; i < capacity; i++)
        tournament->winners[capacity + i] = i;
    for (uint32_t i = capacity; --i > 0;)
        tournament->winners[i] = play(tournament, i);
}

void tournament_set(struct tournament *tournament, uint32_t seat, uint64_t key,
                    uint32_t tie)
{
    while (seat >= tournament->capacity)
        make_seats(tournament, tournament->capacity, 2 * tournament->capacity);
    struct tournament_seat *seats = tournament->seats, best = {key, tie};
    uint32_t *winners = tournament->winners, winner = seat;
    seats[seat] = best;
    for (uint32_t i = tournament->capacity + seat; i > 1; i /= 2) {
        uint32_t other = winners[i ^ 1], before = winners[i / 2];
        if (beats(&seats[other], &best)) {
            best = seats[other];
            winner = other;
        }
        if (before != seat && winner != seat)
            return; /* it had lost here, and does again */
        winners[i / 2] = winner;
    }
}

static int64_t unless_empty(const struct tournament *tournament, uint32_t seat)
{
    return tournament->seats[seat].key == TOURNAMENT_EMPTY ? TOURNAMENT_NOBODY
                                                           : (int64_t)seat;
}

int64_t tournament_best(const struct tournament *tournament)
{
    return unless_empty(tournament, tournament->winners[1]);
}

int64_t tournament_best_but(const struct tournament *tournament, uint32_t seat)
{
    uint32_t match = tournament->capacity + seat;
    uint32_t best = tournament->winners[match ^ 1];
    for (match /= 2; match > 1; match /= 2) {
        uint32_t other = tournament->winners[match ^ 1];
        if (beats(&tournament->seats[other], &tournament->seats[best]))
            best = other;
    }
    return unless_empty(tournament, best);
}

struct search {
    const struct tournament *tournament;
    tournament_judge *judge;
    const void *context;
    struct tournament_seat best; /* so far, or the bound */
    int64_t seat;
};

/* Who leads to a match can be no better than its winner. */
static void search(struct search *run, uint32_t match)
{
    const struct tournament *tournament = run->tournament;
    uint32_t winner = tournament->winners[match];
    const struct tournament_seat *seat = &tournament->seats[winner];
    if (!beats(seat, &run->best))
        return;
    if (match >= tournament->capacity) {
        struct tournament_seat judged = {run->judge(run->context, winner), seat->tie};
        if (!beats(&judged, &run->best))
            return;
        run->best = judged;
        run->seat = winner;
        return;
    }
    uint32_t first = 2 * match + (tournament->winners[2 * match] != winner);
    search(run, first);
    search(run, first ^ 1);
}

int64_t tournament_search(const struct tournament *tournament, uint64_t below,
                          tournament_judge *judge, const void *context)
{
    struct search all = {.tournament = tournament,
                         .judge = judge,
                         .context = context,
                         .best = {.key = below},
                         .seat = TOURNAMENT_NOBODY};
    search(&all, 1);
    return all.seat;
}
