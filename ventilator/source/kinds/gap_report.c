/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/gap_report.h"

#include "common/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

void gap_report_begin(const struct message_gaps *gaps, bool continues)
{
    if (gaps->place.index && continues)
        say("--sub-seq counts from the first message on that comes now: what was lost "
            "since the run before this one is not counted");
}

static void say_missing(const struct gap *gap, const char *of)
{
    say("warning: %" PRIu64 " message%s before number %" PRIu64 "%s%s did not come: "
        "the publisher drops what is not taken in time; more are counted, and said at "
        "the end",
        gap->missing, plural(gap->missing), gap->number, of, gap->topic);
}

static void say_gap(const struct gap *gap)
{
    const char *of = gap->topic[0] ? " of " : "";
    switch (gap->kind) {
    case GAP_NONE:
    case GAP_KINDS:
        return;
    case GAP_MISSING:
        say_missing(gap, of);
        return;
    case GAP_BACK:
        say("warning: numbers%s%s went back from %" PRIu64 " to %" PRIu64
            ": the publisher was started again, or several have the same numbers; what "
            "was lost between is not counted",
            of, gap->topic, gap->last, gap->number);
        return;
    case GAP_MIXED:
        say("warning: several publishers have numbers%s%s: what is lost of them cannot "
            "be counted; give each a topic of its own",
            of, gap->topic);
        return;
    case GAP_TOPICS:
        say("warning: there are more than %d topics: what is lost of others, such as "
            "%s, is not counted",
            GAP_TOPICS_MAX, gap->topic);
    }
}

static void log_gap(const struct gap *gap)
{
    static const char *const events[] = {
        [GAP_NONE] = "",
        [GAP_MISSING] = "gap",
        [GAP_BACK] = "numbers_went_back",
        [GAP_MIXED] = "several_publishers",
        [GAP_TOPICS] = "too_many_topics",
    };
    char topic[4 * GAP_TOPIC_TEXT + 6];
    log_event(LOG_LEVEL_INFO, events[gap->kind],
              "missing=%" PRIu64 " number=%" PRIu64 " last=%" PRIu64 " topic=%s",
              gap->missing, gap->number, gap->last,
              log_quote(topic, sizeof topic, gap->topic, strlen(gap->topic)));
}

bool gap_report_see(struct message_gaps *gaps, const struct slice *frames, size_t count,
                    char *reason, size_t reason_size)
{
    struct gap gap;
    if (gaps->place.index == 0)
        return true;
    if (!message_gaps_count(gaps, frames, count, &gap)) {
        snprintf(reason, reason_size, "it has no number where --sub-seq says");
        return false;
    }
    if (gap.kind != GAP_NONE)
        log_gap(&gap);
    if (gaps->seen[gap.kind] == 1)
        say_gap(&gap);
    return true;
}

/* Why the count may be too low, or wrong. */
static void say_doubts(const struct message_gaps *gaps, uint64_t backs)
{
    uint64_t mixed = gaps->seen[GAP_MIXED];
    if (backs)
        say("numbers went back %" PRIu64 " time%s: what was lost there is not counted, "
            "and the count is wrong if several publishers number one topic (--sub-seq)",
            backs, plural(backs));
    if (mixed)
        say("nothing is counted of %" PRIu64 " topic%s that several publishers number "
            "(--sub-seq)",
            mixed, plural(mixed));
    if (gaps->uncounted)
        say("%" PRIu64 " message%s of more than %d topics have not been looked at "
            "(--sub-seq)",
            gaps->uncounted, plural(gaps->uncounted), GAP_TOPICS_MAX);
}

void gap_report_end(struct message_gaps *gaps)
{
    struct gap_totals totals = message_gaps_totals(gaps);
    if (totals.missing)
        say("%s%" PRIu64 " message%s of the publisher did not come, in %" PRIu64
            " place%s (--sub-seq)",
            totals.missing == UINT64_MAX ? "at least " : "", totals.missing,
            plural(totals.missing), totals.gaps, plural(totals.gaps));
    else if (gaps->late)
        say("%" PRIu64 " message%s came after later ones; none is missing (--sub-seq)",
            gaps->late, plural(gaps->late));
    say_doubts(gaps, totals.backs);
    if (gaps->place.index)
        log_event(LOG_LEVEL_INFO, "sub_seq",
                  "missing=%" PRIu64 " gaps=%" PRIu64 " restarts=%" PRIu64
                  " late=%" PRIu64 " mixed=%" PRIu64 " uncounted=%" PRIu64,
                  totals.missing, totals.gaps, totals.backs, gaps->late,
                  gaps->seen[GAP_MIXED], gaps->uncounted);
    message_gaps_deinit(gaps);
}
