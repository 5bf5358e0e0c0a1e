/* SPDX-License-Identifier: MIT */
/* Tells a person, and a script, how workers on other hosts join. */
#ifndef FANFOLD_VENTILATOR_JOIN_LINE_H
#define FANFOLD_VENTILATOR_JOIN_LINE_H

#include "common/protocol/endpoint_list.h"
#include "ventilator/options.h"

/* The endpoint as a worker on another host has it; on the heap. */
char *join_line_reachable(const char *bound);
/* Says the line to be pasted on another host, or for tasks that only this host reaches
 * in another terminal. It fetches the key and does not contain it. */
void join_line_say(const struct ventilator_options *options, const char *bound);

/* Writes --endpoint-file and --ready-file. `ventilator_key`: NULL: links have no keys;
 * `results`: NULL: not known yet. 0 or -errno; nothing is there then. */
int endpoint_file_write(const struct ventilator_options *options, const char *bound,
                        const char *ventilator_key,
                        const struct endpoint_list *results);
void endpoint_file_remove(const struct ventilator_options *options);

#endif
