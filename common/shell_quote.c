/* SPDX-License-Identifier: MIT */
/* A quote in the text becomes four characters: it closes the quotes, stands behind a
 * backslash, and opens them again. */
#include "common/shell_quote.h"

#include <string.h>

void shell_quote(FILE *stream, const char *text)
{
    fputc('\'', stream);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            fputc(*text, stream);
    fputc('\'', stream);
}

void shell_quote_if_needed(FILE *stream, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789/._-+=:,@%";
    if (*text != '\0' && text[strspn(text, plain)] == '\0')
        fputs(text, stream);
    else
        shell_quote(stream, text);
}
