/* SPDX-License-Identifier: MIT */
/*
 * A value that is wrong by itself ends the program at once; options that contradict
 * each other are found when all are known. Of -0 and --recend the last one counts, as
 * in GNU parallel; two others that say what a record is are an error.
 */
#include "ventilator/record_options.h"

#include "common/options.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "common/records/record_format_text.h"
#include <inttypes.h>
#include <string.h>

#define FIXED_MAX (UINT64_C(4) << 30)

error_t record_options_parse(int key, char *text, const struct argp_state *state,
                             struct record_options *options)
{
    switch (key) {
    case KEY_FORMAT:
        options->format = text;
        return 0;
    case KEY_FIXED:
        options->fixed =
            options_size(state, "--fixed", text, FIXED_MAX, "a size from 1 to 4G");
        return 0;
    case KEY_MAX_LINES:
        options->lines =
            options_number(state, "-L", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case KEY_NULL:
        options->null = true;
        options->end = NULL;
        return 0;
    case KEY_RECSTART:
        options->start = text;
        return 0;
    case KEY_RECEND:
        options->null = false;
        options->end = text;
        return 0;
    case KEY_REGEXP:
        options->regexp = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- contradictions ---- */

/* One way to say what a record is, or a part of one. */
enum {
    SAYS_FORMAT = 1,
    SAYS_FIXED = 2,
    SAYS_MARKS = 4,
    SAYS_NULL = 8,
    SAYS_LINES = 16
};

struct said {
    const char *option; /* NULL: it was not given */
    unsigned says;
    unsigned with; /* what other options may say besides */
};

/* False: two contradict each other. */
static bool check_together(const struct said *said, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t other = i + 1; other < count; other++) {
            if (!said[i].option || !said[other].option ||
                said[i].with & said[other].says)
                continue;
            say("%s and %s contradict each other: each says what a record is",
                said[i].option, said[other].option);
            return false;
        }
    }
    return true;
}

static bool is_word(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool check_contradictions(const struct record_options *options)
{
    bool of_lines = is_word(options->format, "lines") ||
                    is_word(options->format, "nul");
    const struct said said[] = {
        {options->format ? "--format" : NULL, SAYS_FORMAT, of_lines ? SAYS_LINES : 0},
        {options->fixed ? "--fixed" : NULL, SAYS_FIXED, 0},
        {options->start ? "--recstart" : NULL, SAYS_MARKS, SAYS_MARKS},
        {options->regexp ? "--regexp" : NULL, SAYS_MARKS, SAYS_MARKS},
        {options->end ? "--recend" : NULL, SAYS_MARKS, SAYS_MARKS | SAYS_LINES},
        {options->null ? "-0" : NULL, SAYS_NULL, SAYS_LINES},
        {options->lines ? "-L" : NULL, SAYS_LINES, 0},
    };
    if (!check_together(said, sizeof said / sizeof *said))
        return false;
    if (options->regexp && !options->start && !options->end) {
        say("--regexp needs --recstart or --recend, the expressions");
        return false;
    }
    return true;
}

/* ---- the format ---- */

static bool read_word(const char *word, struct record_format *format)
{
    static const char *const words[] = {"csv", "fasta", "fastq", "frames", "whole"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(word, words[i]))
            return record_format_parse(slice_of_text(words[i]), format);
    if (is_word(word, "nul"))
        format->end[0] = '\0';
    else if (!is_word(word, "lines")) {
        say("--format: '%s': expected lines, nul, csv, fasta, fastq, frames or whole",
            word);
        return false;
    }
    return true;
}

/* An expression stays as it is, as it has escapes of its own. */
static bool read_mark(const char *option, const char *text, bool regexp,
                      uint8_t mark[RECORD_MARK_MAX], size_t *ret_size)
{
    char bytes[4 * RECORD_MARK_MAX + 1];
    size_t size = strlen(text);
    bool right = size < sizeof bytes;
    if (right && regexp)
        memcpy(bytes, text, size);
    else if (right)
        right = parse_escapes(text, bytes, &size);
    if (!right || size == 0 || size > RECORD_MARK_MAX) {
        say("%s: '%s': expected 1 to %d bytes%s", option, text, RECORD_MARK_MAX,
            regexp ? "" : ", with valid escapes");
        return false;
    }
    memcpy(mark, bytes, size);
    *ret_size = size;
    return true;
}

/* GNU parallel has --recend '' beside --recstart, for none. */
static bool read_marks(const struct record_options *options,
                       struct record_format *format)
{
    char error[200];
    const char *end = options->start && is_word(options->end, "") ? NULL : options->end;
    format->kind = options->start || options->regexp ? RECORDS_MARKED : RECORDS_LINES;
    format->regexp = options->regexp;
    format->end_size = 0;
    if ((options->start && !read_mark("--recstart", options->start, options->regexp,
                                      format->start, &format->start_size)) ||
        (end &&
         !read_mark("--recend", end, options->regexp, format->end, &format->end_size)))
        return false;
    if (record_format_check(format, error, sizeof error))
        return true;
    say("%s", error);
    return false;
}

static bool read_format(const struct record_options *options,
                        struct record_format *format)
{
    *format = (struct record_format)RECORD_FORMAT_DEFAULT;
    if (options->lines)
        format->lines = options->lines;
    if (options->format)
        return read_word(options->format, format);
    if (options->start || options->end)
        return read_marks(options, format);
    if (options->null)
        format->end[0] = '\0';
    if (options->fixed) {
        format->kind = RECORDS_FIXED;
        format->size = options->fixed;
    }
    return true;
}

bool record_options_settle(const struct record_options *options,
                           struct chunker_config *config)
{
    if (!check_contradictions(options) || !read_format(options, &config->format))
        return false;
    if (config->format.kind == RECORDS_WHOLE && config->records) {
        say("--format whole and -N contradict each other: there is one record");
        return false;
    }
    if (options->fixed > config->max_record_bytes) {
        say("--fixed %" PRIu64 " is more than --max-record allows, %" PRIu64,
            options->fixed, config->max_record_bytes);
        return false;
    }
    return true;
}
