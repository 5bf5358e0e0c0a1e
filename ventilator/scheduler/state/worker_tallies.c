/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/worker_tallies.h"

#include "common/memory.h"
#include "ventilator/scheduler/state/tournament.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANK_SHIFT = 62 };

struct worker_tallies {
    struct worker_sums sums;
    struct credit_terms terms;
    struct session_list stale;
    struct session_list resting;
    bool all_stale;
    struct tournament suited;  /* of those with credit */
    struct tournament slowest; /* of those whose pace is known; valid once asked */
    bool asked;
    struct worker_session **seats; /* NULL: nobody's */
    uint32_t seat_count;
    size_t seat_capacity;
    uint32_t *spare; /* seats that are nobody's */
    uint32_t spare_count;
    size_t spare_capacity;
};

struct worker_tallies *worker_tallies_new(void)
{
    struct worker_tallies *tallies = allocate_zeroed(1, sizeof *tallies);
    LIST_INIT(&tallies->stale);
    LIST_INIT(&tallies->resting);
    tournament_init(&tallies->suited);
    tournament_init(&tallies->slowest);
    return tallies;
}

void worker_tallies_destroy(struct worker_tallies **tallies_p)
{
    struct worker_tallies *tallies = *tallies_p;
    if (!tallies)
        return;
    tournament_deinit(&tallies->suited);
    tournament_deinit(&tallies->slowest);
    free(tallies->seats);
    free(tallies->spare);
    free(tallies);
    *tallies_p = NULL;
}

/* ---- what a session adds ---- */

/* The bits of a number that is not negative are in the same order as such numbers, and
 * the lowest of them tells no two loads apart. */
static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

uint64_t worker_tallies_key(uint32_t rank, const struct worker_session *session)
{
    double load = (double)session->in_flight_count / (double)session->slots;
    return (uint64_t)rank << RANK_SHIFT | bits_of(load) >> 1;
}

uint64_t worker_tallies_key_above(uint32_t rank)
{
    return rank < RANK_WORST ? (uint64_t)(rank + 1) << RANK_SHIFT : KEY_NEVER;
}

static struct worker_part part_of(const struct worker_session *session,
                                  const struct credit_terms *terms)
{
    const struct worker_health *health = &session->worker->health;
    uint32_t slots = session->slots, tasks = session->in_flight_count;
    bool serves = worker_session_serves(session), idles = tasks < slots;
    struct worker_part part = {
        .key = KEY_NEVER,
        .pace_key = KEY_NEVER,
        .credit = worker_session_credit(session, terms),
        .busy = idles ? tasks : slots,
        .behind = idles ? 0 : tasks - slots,
        .recalled = session->recalled,
        .hopes = serves ? worker_health_hopes(health) : 0,
        .reaches = session->link != LINK_SHUT,
        .free = idles,
        .crowded = tasks > slots && session->running >= slots,
        .wakes = serves && !worker_health_rests(health),
        .pace = worker_session_pace(session),
    };
    if (part.credit) {
        part.key = worker_tallies_key(worker_health_rank(health), session);
        part.idle = idles ? slots - tasks : 0;
    }
    if (part.pace > 0) {
        part.pace_key = bits_of(part.pace);
        part.paced = slots;
    }
    return part;
}

static void add_part(struct worker_sums *sums, const struct worker_part *part)
{
    sums->credit += part->credit;
    sums->idle += part->idle;
    sums->busy += part->busy;
    sums->behind += part->behind;
    sums->recalled += part->recalled;
    sums->reaching += part->reaches;
    sums->free += part->free;
    sums->crowded += part->crowded;
    sums->awake += part->wakes;
    sums->paced += part->paced;
    sums->pace += part->pace * part->paced;
    for (int i = 0; i < PROSPECTS; i++)
        sums->hopes[i] += part->hopes >> i & 1;
}

static void subtract_part(struct worker_sums *sums, const struct worker_part *part)
{
    sums->credit -= part->credit;
    sums->idle -= part->idle;
    sums->busy -= part->busy;
    sums->behind -= part->behind;
    sums->recalled -= part->recalled;
    sums->reaching -= part->reaches;
    sums->free -= part->free;
    sums->crowded -= part->crowded;
    sums->awake -= part->wakes;
    sums->paced -= part->paced;
    sums->pace -= part->pace * part->paced;
    for (int i = 0; i < PROSPECTS; i++)
        sums->hopes[i] -= part->hopes >> i & 1;
}

static bool may_rest(const struct worker_session *session)
{
    return session->rests || worker_health_rests(&session->worker->health);
}

static void list_resting(struct worker_tallies *tallies, struct worker_session *session,
                         bool rests)
{
    if (rests == session->listed)
        return;
    session->listed = rests;
    if (rests)
        LIST_INSERT_HEAD(&tallies->resting, session, of_resting);
    else
        LIST_REMOVE(session, of_resting);
}

static void note_part(struct worker_tallies *tallies, struct worker_session *session,
                      const struct worker_part *part)
{
    if (part->key != session->part.key)
        tournament_set(&tallies->suited, session->seat, part->key, session->peer);
    if (tallies->asked && part->pace_key != session->part.pace_key)
        tournament_set(&tallies->slowest, session->seat, part->pace_key, 0);
    session->part = *part;
}

/* ---- who is there ---- */

static const struct worker_part NOTHING = {.key = KEY_NEVER, .pace_key = KEY_NEVER};

void worker_tallies_add(struct worker_tallies *tallies, struct worker_session *session)
{
    if (tallies->spare_count)
        session->seat = tallies->spare[--tallies->spare_count];
    else {
        session->seat = tallies->seat_count;
        tallies->seats = room_for_one_more(tallies->seats, tallies->seat_count++,
                                           &tallies->seat_capacity,
                                           sizeof(struct worker_session *));
    }
    tallies->seats[session->seat] = session;
    session->part = NOTHING;
    session->stale_list = &tallies->stale;
    worker_session_touch(session);
}

void worker_tallies_remove(struct worker_tallies *tallies,
                           struct worker_session *session)
{
    subtract_part(&tallies->sums, &session->part);
    note_part(tallies, session, &NOTHING);
    list_resting(tallies, session, false);
    if (session->stale)
        LIST_REMOVE(session, of_stale);
    session->stale = false;
    session->stale_list = NULL;
    tallies->seats[session->seat] = NULL;
    tallies->spare = room_for_one_more(tallies->spare, tallies->spare_count,
                                       &tallies->spare_capacity, sizeof(uint32_t));
    tallies->spare[tallies->spare_count++] = session->seat;
}

void worker_tallies_set_terms(struct worker_tallies *tallies,
                              const struct credit_terms *terms)
{
    bool same = terms->a_slot == tallies->terms.a_slot &&
                terms->learns == tallies->terms.learns;
    tallies->terms = *terms;
    tallies->all_stale |= !same;
}

/* ---- refreshing ---- */

static void recount(struct worker_tallies *tallies, struct worker_session *session)
{
    struct worker_part part = part_of(session, &tallies->terms);
    subtract_part(&tallies->sums, &session->part);
    add_part(&tallies->sums, &part);
    note_part(tallies, session, &part);
    list_resting(tallies, session, may_rest(session));
}

/* From the beginning, as sums of fractions lose a little with each change. */
static void recount_all(struct worker_tallies *tallies)
{
    tallies->all_stale = false;
    tallies->sums = (struct worker_sums){0};
    for (uint32_t i = 0; i < tallies->seat_count; i++) {
        struct worker_session *session = tallies->seats[i];
        if (!session)
            continue;
        struct worker_part part = part_of(session, &tallies->terms);
        add_part(&tallies->sums, &part);
        note_part(tallies, session, &part);
        list_resting(tallies, session, may_rest(session));
    }
}

static void refresh(struct worker_tallies *tallies)
{
    struct worker_session *session;
    bool all = tallies->all_stale;
    while ((session = LIST_FIRST(&tallies->stale))) {
        LIST_REMOVE(session, of_stale);
        session->stale = false;
        if (!all)
            recount(tallies, session);
    }
    if (all)
        recount_all(tallies);
}

/* ---- answers ---- */

const struct worker_sums *worker_tallies_sums(struct worker_tallies *tallies)
{
    refresh(tallies);
    return &tallies->sums;
}

/* Most runs never ask: their chunks all have one size. */
static void ask_for_slowest(struct worker_tallies *tallies)
{
    tallies->asked = true;
    for (uint32_t i = 0; i < tallies->seat_count; i++)
        if (tallies->seats[i])
            tournament_set(&tallies->slowest, i, tallies->seats[i]->part.pace_key, 0);
}

double worker_tallies_slowest(struct worker_tallies *tallies)
{
    refresh(tallies);
    if (!tallies->asked)
        ask_for_slowest(tallies);
    int64_t seat = tournament_best(&tallies->slowest);
    return seat == TOURNAMENT_NOBODY ? 0 : tallies->seats[seat]->part.pace;
}

struct session_list *worker_tallies_resting(struct worker_tallies *tallies)
{
    refresh(tallies);
    return &tallies->resting;
}

static struct worker_session *at(const struct worker_tallies *tallies, int64_t seat)
{
    return seat == TOURNAMENT_NOBODY ? NULL : tallies->seats[seat];
}

struct worker_session *worker_tallies_best(struct worker_tallies *tallies,
                                           const struct worker_session *but)
{
    refresh(tallies);
    struct worker_session *best = at(tallies, tournament_best(&tallies->suited));
    if (!best || best != but)
        return best;
    return at(tallies, tournament_best_but(&tallies->suited, best->seat));
}

struct search {
    const struct worker_tallies *tallies;
    session_judge *judge;
    const void *context;
};

static uint64_t judge_seat(const void *context, uint32_t seat)
{
    const struct search *search = context;
    return search->judge(search->context, search->tallies->seats[seat]);
}

struct worker_session *worker_tallies_search(struct worker_tallies *tallies,
                                             uint64_t below, session_judge *judge,
                                             const void *context)
{
    struct search search = {tallies, judge, context};
    refresh(tallies);
    return at(tallies, tournament_search(&tallies->suited, below, judge_seat, &search));
}

/* ---- for tests ---- */

static bool is_same_part(const struct worker_part *a, const struct worker_part *b)
{
    return a->key == b->key && a->pace_key == b->pace_key && a->credit == b->credit &&
           a->idle == b->idle && a->busy == b->busy && a->behind == b->behind &&
           a->recalled == b->recalled && a->paced == b->paced && a->hopes == b->hopes &&
           a->reaches == b->reaches && a->free == b->free && a->crowded == b->crowded &&
           a->wakes == b->wakes;
}

static bool is_same_sum(const struct worker_sums *a, const struct worker_sums *b)
{
    bool same = a->credit == b->credit && a->idle == b->idle && a->busy == b->busy &&
                a->behind == b->behind && a->recalled == b->recalled &&
                a->reaching == b->reaching && a->free == b->free &&
                a->crowded == b->crowded && a->awake == b->awake &&
                a->paced == b->paced;
    for (int i = 0; i < PROSPECTS; i++)
        same = same && a->hopes[i] == b->hopes[i];
    return same && fabs(a->pace - b->pace) <= 1e-6 * (1 + fabs(b->pace));
}

/* What only those in flight tell. */
static bool counts_well(const struct worker_session *session)
{
    const struct attempt *attempt;
    uint32_t running = 0, recalled = 0, all = 0;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session) {
        running += attempt->running;
        recalled += attempt->recalled;
        all++;
    }
    return running == session->running && recalled == session->recalled &&
           all == session->in_flight_count;
}

bool worker_tallies_are_right(struct worker_tallies *tallies)
{
    struct worker_sums sums = {0};
    const struct worker_session *best = NULL, *found;
    refresh(tallies);
    for (uint32_t i = 0; i < tallies->seat_count; i++) {
        const struct worker_session *session = tallies->seats[i];
        if (!session)
            continue;
        struct worker_part part = part_of(session, &tallies->terms);
        if (!is_same_part(&part, &session->part) || !counts_well(session) ||
            session->listed != may_rest(session))
            return false;
        add_part(&sums, &part);
        if (part.credit && (!best || part.key < best->part.key ||
                            (part.key == best->part.key && session->peer < best->peer)))
            best = session;
    }
    found = at(tallies, tournament_best(&tallies->suited));
    return found == best && is_same_sum(&tallies->sums, &sums);
}
