/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/rerun_command.h"

#include "common/memory.h"
#include "common/records/record_format_text.h"
#include "common/shell_quote.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- formats ---- */

/* Prints the mark as --recstart and --recend read it. An expression has its backslashes
 * already, also before a byte that needs one. */
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
    shell_quote(stream, text);
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

static void print_options(FILE *stream, const struct rerun_command *rerun)
{
    if (rerun->header_lines)
        fprintf(stream, " --header %" PRIu32, rerun->header_lines);
    if (rerun->header_out)
        fprintf(stream, " --header-out %" PRIu32, rerun->header_out);
    print_format(stream, &rerun->format);
}

/* A name that nobody has to think of where all the rest can be pasted. */
static void print_elsewhere(FILE *stream, const struct rerun_command *rerun)
{
    fputs(" --dead-letters ", stream);
    if (!rerun->words) {
        fputs("DIR", stream);
        return;
    }
    char *directory = allocate_text("%s.again", rerun->directory);
    shell_quote_if_needed(stream, directory);
    free(directory);
}

/* Each dead letter is an input of its own, as -i reads a directory of them: so they
 * stay apart, and are not decompressed again. */
char *rerun_command(const struct rerun_command *rerun)
{
    char *command = NULL;
    size_t size;
    FILE *stream = open_memstream(&command, &size);
    if (!stream)
        abort_out_of_memory();
    fputs(*rerun->directory == '-' ? "fanfold -i ./" : "fanfold -i ", stream);
    shell_quote_if_needed(stream, rerun->directory);
    print_options(stream, rerun);
    if (rerun->elsewhere)
        print_elsewhere(stream, rerun);
    fprintf(stream, " %s", rerun->words ? rerun->words : "... -- COMMAND");
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return command;
}
