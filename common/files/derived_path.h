/* SPDX-License-Identifier: MIT */
/*
 * The paths of what lies beside an output: its journal, its dead letters, its keys.
 * Pure.
 *
 * The name is the output's with an ending, "out.fanfold". Where that would be longer
 * than a file's name may be, its middle gives way to a hash of the output's name:
 * "aaaa...~0123456789abcdef.fanfold".
 */
#ifndef FANFOLD_COMMON_FILES_DERIVED_PATH_H
#define FANFOLD_COMMON_FILES_DERIVED_PATH_H

/* The caller frees them. */
char *journal_path(const char *output);
/* What the journal is written under first. */
char *journal_temporary_path(const char *output);
char *dead_letters_path(const char *output);
/* The directory of the run's keys. */
char *run_keys_path(const char *output);

#endif
