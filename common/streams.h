/* SPDX-License-Identifier: MIT */
/* The three standard streams, as whoever started the program left them. */
#ifndef FANFOLD_COMMON_STREAMS_H
#define FANFOLD_COMMON_STREAMS_H

/* First of all in main: a standard stream that is closed must not become a socket or a
 * pipe of ours, into which data or messages would go. It stays unusable (EBADF). */
void streams_fill(void);

#endif
