/* SPDX-License-Identifier: MIT */
/* How a connector of CONNECTOR/1 has ended, and whether another start may help. */
#ifndef FANFOLD_COMMON_HELPER_CONNECTOR_END_H
#define FANFOLD_COMMON_HELPER_CONNECTOR_END_H

#include <stdbool.h>
#include <stddef.h>

/* `status` is of waitpid. `did_work`: it had brought a record, or answered, since it
 * was started. Another start ends the same way if the shell cannot run the command, or
 * if the command says at once that it was called wrongly. */
bool connector_end_is_final(int status, bool did_work);
/* "it ended with status 127, ...", with what a status that is final means. */
void connector_end_describe(int status, bool did_work, char *text, size_t size);

#endif
