/* SPDX-License-Identifier: MIT */
/*
 * Whether the system lets this process have the descriptors and threads that ZeroMQ
 * takes at its start. ZeroMQ aborts where it gets none; we look before.
 */
#ifndef FANFOLD_COMMON_NET_HEADROOM_H
#define FANFOLD_COMMON_NET_HEADROOM_H

#include <stdbool.h>
#include <stddef.h>

/* So many descriptors can be opened now. */
bool headroom_has_descriptors(int count);
/* 0, or -errno with a sentence for a person in `error`. */
int headroom_check(char *error, size_t error_size);
/*
 * Others take processes, too: where ZeroMQ gets no thread after all and aborts, the
 * process ends with STATUS_IO and a sentence. From headroom_guard to headroom_release;
 * all other aborts are bugs.
 */
void headroom_guard(void);
void headroom_release(void);

#endif
