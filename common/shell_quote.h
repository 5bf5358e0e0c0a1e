/* SPDX-License-Identifier: MIT */
/* Quotes words for a POSIX shell, in commands that a person may paste. */
#ifndef FANFOLD_COMMON_SHELL_QUOTE_H
#define FANFOLD_COMMON_SHELL_QUOTE_H

#include <stdio.h>

/* In single quotes. */
void shell_quote(FILE *stream, const char *text);
/* In single quotes only if the shell would not read the bare word as it is. */
void shell_quote_if_needed(FILE *stream, const char *text);

#endif
