/* SPDX-License-Identifier: MIT */
#include "random.h"
#include <string.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void random_seed(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t below)
{
    return random_next(random) % below;
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

bool random_chance(struct random *random, int64_t per_mille)
{
    return per_mille > 0 && (int64_t)random_below(random, 1000) < per_mille;
}

int64_t random_gap(struct random *random, int64_t mean)
{
    int64_t limit = mean;
    while (limit < 16 * mean && random_chance(random, 400))
        limit *= 2;
    return random_between(random, 0, limit);
}

struct id random_id(struct random *random)
{
    struct id id;
    uint64_t words[2] = {random_next(random), random_next(random)};
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}
