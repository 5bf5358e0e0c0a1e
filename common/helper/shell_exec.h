/* SPDX-License-Identifier: MIT */
/*
 * Many a shell stays beside the one program that its command line names, and holds the
 * standard output that the program has closed. The builtin exec gives that program the
 * shell's own process.
 */
#ifndef FANFOLD_COMMON_HELPER_SHELL_EXEC_H
#define FANFOLD_COMMON_HELPER_SHELL_EXEC_H

/* The command line with exec before it, if it is a single command that names an
 * executable file, by its path or in PATH; otherwise as it is. The caller frees it. */
char *shell_exec_command(const char *command);

#endif
