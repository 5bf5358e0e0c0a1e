/* SPDX-License-Identifier: MIT */
/* A hint that is wrong costs more than one that is missing: each has to be plain. */
#include "ventilator/report/hints.h"

#include "common/clock.h"
#include <inttypes.h>
#include <stdio.h>

#define SHORT_US (2 * SECOND_US) /* a run that nobody waits for */

enum { A_SLOT = 4 /* chunks that each should have at least */ };

/* A SIZE of the option, not above `bytes`: a power of two. */
static const char *describe_block(char *text, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"", "K", "M", "G"};
    uint64_t block = 1;
    size_t unit = 0;
    while (block <= bytes / 2)
        block *= 2;
    for (; block >= 1024 && unit < 3; unit++)
        block /= 1024;
    snprintf(text, size, "%" PRIu64 "%s", block, units[unit]);
    return text;
}

/* A run that resumes may have little left; what failed says nothing of what would be
 * faster; a chunk of one record cannot be shorter. */
static bool describe_chunks(const struct run_facts *facts, char text[HINT_SIZE])
{
    char block[32];
    if (facts->resumed || facts->troubled || facts->block_auto ||
        facts->most_records < 2 || facts->chunks >= facts->slots ||
        facts->longest_us < (uint64_t)facts->wall_us / 2)
        return false;
    snprintf(text, HINT_SIZE,
             "hint: the slots had less than a chunk each, %" PRIu64 " for %" PRIu32
             "; shorter chunks give all of them work: --block %s, or fewer records "
             "with -N",
             facts->chunks, facts->slots,
             describe_block(block, sizeof block, facts->bytes / facts->slots / A_SLOT));
    return true;
}

static bool describe_output(const struct run_facts *facts, char text[HINT_SIZE])
{
    if (facts->idle_share <= 0.5)
        return false;
    snprintf(
        text, HINT_SIZE,
        "hint: the slots had nothing to do for %d%% of their time, as the output "
        "was not written as fast as they worked: look at its disk, or at who reads "
        "it",
        (int)(100 * facts->idle_share));
    return true;
}

bool hint_describe(enum hint hint, const struct run_facts *facts, char text[HINT_SIZE])
{
    if (facts->wall_us < SHORT_US)
        return false;
    switch (hint) {
    case HINT_CHUNKS:
        return describe_chunks(facts, text);
    case HINT_OUTPUT:
        return describe_output(facts, text);
    case HINTS:
        break;
    }
    return false;
}
