/* SPDX-License-Identifier: MIT */
/* The JSON of a dead letter, in memory. Pure. */
#include "sink/dead_letters/dead_letters.h"

#include "common/memory.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char run_begin[] = "\"run\": \"";

void dead_letter_name_run(const struct id *run, char name[DEAD_LETTER_RUN_MAX])
{
    char text[ID_TEXT_SIZE];
    id_text(run, text);
    snprintf(name, DEAD_LETTER_RUN_MAX, "%s%s", run_begin, text);
}

/* Bytes of the UTF-8 character at `data`; 0: there is none. */
static size_t character_size(const uint8_t *data, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = data[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xc2 && first < 0xe0 ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length < 2 || length > size)
        return length == 1 ? 1 : 0;
    uint32_t code = first & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (data[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

static void print_character(FILE *stream, const uint8_t *data, size_t length)
{
    if (length == 0)
        fputs("\\ufffd", stream);
    else if (*data == '"' || *data == '\\')
        fprintf(stream, "\\%c", *data);
    else if (*data == '\n')
        fputs("\\n", stream);
    else if (*data == '\t')
        fputs("\\t", stream);
    else if (*data < 0x20 || *data == 0x7f)
        fprintf(stream, "\\u%04x", *data);
    else
        fwrite(data, 1, length, stream);
}

static void print_string(FILE *stream, struct slice text)
{
    fputc('"', stream);
    for (size_t at = 0; at < text.size;) {
        size_t length = character_size(text.data + at, text.size - at);
        print_character(stream, text.data + at, length);
        at += length > 0 ? length : 1;
    }
    fputc('"', stream);
}

const char *dead_letter_cause(const struct dead_letter *dead_letter, char *text,
                              size_t size)
{
    static const char *const words[] = {
        [FAILURE_TIMEOUT] = "time limit",
        [FAILURE_MEMORY] = "probably out of memory",
        [FAILURE_PROTOCOL] = "the program broke the rules of its mode",
        [FAILURE_TOO_LARGE] = "result too large",
        [FAILURE_REPORTED] = "reported by the program",
        [FAILURE_KIND] = "unknown kind of task",
        [FAILURE_LOST] = "workers were lost with it",
        [FAILURE_REFERENCE] = "its file could not be read",
    };
    const char *signal =
        dead_letter->code <= INT_MAX ? sigabbrev_np((int)dead_letter->code) : NULL;
    if (dead_letter->cause == FAILURE_EXIT)
        snprintf(text, size, "exit status %u", dead_letter->code);
    else if (dead_letter->cause == FAILURE_SIGNAL && signal)
        snprintf(text, size, "signal %u (%s)", dead_letter->code, signal);
    else if (dead_letter->cause == FAILURE_SIGNAL)
        snprintf(text, size, "signal %u", dead_letter->code);
    else if (dead_letter->cause == FAILURE_PROTOCOL &&
             dead_letter->code == FAILURE_PROTOCOL_TOO_MANY)
        snprintf(text, size, "more than %d of its records are bad", BAD_MAX);
    else if (dead_letter->cause == FAILURE_MEMORY &&
             dead_letter->code == FAILURE_MEMORY_LIMIT)
        snprintf(text, size, "used too much memory");
    else
        snprintf(text, size, "%s", words[dead_letter->cause]);
    return text;
}

static void print_records(FILE *stream, const struct dead_letter *dead_letter)
{
    unsigned long long first = dead_letter->record + 1;
    unsigned long long last = dead_letter->record + dead_letter->records;
    if (!dead_letter->whole)
        fprintf(stream, "  \"record\": %llu,\n", first);
    else if (dead_letter->records > 0)
        fprintf(stream, "  \"first_record\": %llu,\n  \"last_record\": %llu,\n", first,
                last);
}

char *dead_letter_json(const struct dead_letter *dead_letter, size_t *ret_size)
{
    char *json = NULL, cause[64], run[DEAD_LETTER_RUN_MAX];
    FILE *stream = open_memstream(&json, ret_size);
    if (!stream)
        abort_out_of_memory();
    dead_letter_name_run(&dead_letter->run, run);
    fprintf(stream, "{\n  %s\",\n  \"seq\": %llu,\n", run,
            (unsigned long long)dead_letter->seq);
    if (dead_letter->input.size > 0) {
        fputs("  \"input\": ", stream);
        print_string(stream, dead_letter->input);
        fputs(",\n", stream);
    }
    print_records(stream, dead_letter);
    fprintf(stream,
            "  \"offset\": %llu,\n  \"length\": %llu,\n  \"attempts\": %u,\n"
            "  \"how\": \"%s\",\n  \"code\": %u,\n  \"stderr\": ",
            (unsigned long long)dead_letter->offset,
            (unsigned long long)dead_letter->length, dead_letter->attempts,
            dead_letter_cause(dead_letter, cause, sizeof cause), dead_letter->code);
    print_string(stream, dead_letter->text);
    fputs("\n}\n", stream);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return json;
}
