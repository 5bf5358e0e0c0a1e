/* SPDX-License-Identifier: MIT */
/* Words are quoted for a shell only where they must be, to be read more easily. */
#include "sink/again.h"

#include "common/memory.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

/* As a shell reads it: in quotes, and out of them for a quote. */
static void print_quoted(FILE *stream, const char *text)
{
    fputc('\'', stream);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            fputc(*text, stream);
    fputc('\'', stream);
}

static bool is_plain(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789/._-+=:,@%") == strlen(text);
}

static void print_word(FILE *stream, const char *text)
{
    if (is_plain(text))
        fputs(text, stream);
    else
        print_quoted(stream, text);
}

/* ---- formats ---- */

/* As --recstart and --recend read it. An expression has its backslashes already, also
 * before a byte that needs one. */
static void print_mark(FILE *stream, const char *option, const uint8_t *mark,
                       size_t size, bool regexp)
{
    char text[4 * RECORD_MARK_MAX + 1], *to = text;
    bool escaped = false; /* by the expression itself */
    for (size_t i = 0; i < size; i++) {
        bool plain = mark[i] < 0x80 && isprint(mark[i]);
        if ((!plain || (mark[i] == '\\' && !regexp)) && !escaped)
            *to++ = '\\';
        if (plain)
            *to++ = (char)mark[i];
        else if (mark[i] == '\n')
            *to++ = 'n';
        else
            to += sprintf(to, "x%02x", mark[i]);
        escaped = regexp && mark[i] == '\\' && !escaped;
    }
    *to = '\0';
    fprintf(stream, " %s ", option);
    print_quoted(stream, text);
}

static bool ends_with_byte(const struct record_format *format, uint8_t byte)
{
    return format->end_size == 1 && format->end[0] == byte;
}

static void print_lines(FILE *stream, const struct record_format *format)
{
    if (ends_with_byte(format, '\0'))
        fputs(" -0", stream);
    else if (!ends_with_byte(format, '\n'))
        print_mark(stream, "--recend", format->end, format->end_size, false);
    if (format->lines > 1)
        fprintf(stream, " -L %" PRIu64, format->lines);
}

static void print_marks(FILE *stream, const struct record_format *format)
{
    if (format->regexp)
        fputs(" --regexp", stream);
    if (format->start_size)
        print_mark(stream, "--recstart", format->start, format->start_size,
                   format->regexp);
    if (format->end_size)
        print_mark(stream, "--recend", format->end, format->end_size, format->regexp);
}

static void print_format(FILE *stream, const struct record_format *format)
{
    char text[FORMAT_MAX_BYTES + 1];
    switch (format->kind) {
    case RECORDS_LINES:
        print_lines(stream, format);
        return;
    case RECORDS_FIXED:
        fprintf(stream, " --fixed %" PRIu64, format->size);
        return;
    case RECORDS_MARKED:
        print_marks(stream, format);
        return;
    case RECORDS_CSV:
    case RECORDS_FASTA:
    case RECORDS_FASTQ:
    case RECORDS_FRAMES:
    case RECORDS_WHOLE:
        record_format_print(format, text);
        fprintf(stream, " --format %s", text);
    }
}

/* ---- the command ---- */

static void print_options(FILE *stream, const struct again *again)
{
    if (again->header_lines)
        fprintf(stream, " --header %" PRIu32, again->header_lines);
    if (again->header_out)
        fprintf(stream, " --header-out %" PRIu32, again->header_out);
    print_format(stream, &again->format);
    if (again->elsewhere)
        fputs(" --dead-letters DIR", stream);
}

/* Nothing that begins with a dash, which would be an option. */
static void print_files(FILE *stream, const struct again *again, const char *names)
{
    if (*again->directory == '-')
        fputs("./", stream);
    print_word(stream, again->directory);
    fputs(names, stream);
}

/* Each letter of a format by which all is one record has a run of its own. */
char *again_command(const struct again *again)
{
    char *command = NULL;
    size_t size;
    bool each = again->format.kind == RECORDS_WHOLE;
    FILE *stream = open_memstream(&command, &size);
    if (stream == NULL)
        abort_out_of_memory();
    if (each) {
        fputs("for letter in ", stream);
        print_files(stream, again, "/*.input; do ");
    }
    fputs("cat ", stream);
    if (again->header_lines)
        print_files(stream, again, "/header ");
    if (each)
        fputs("\"$letter\"", stream);
    else
        print_files(stream, again, "/*.input");
    fputs(" | fanfold", stream);
    print_options(stream, again);
    fputs(each ? " ... -- COMMAND; done" : " ... -- COMMAND", stream);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return command;
}
