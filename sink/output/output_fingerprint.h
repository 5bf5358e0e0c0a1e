/* SPDX-License-Identifier: MIT */
/*
 * A hash of the output's last bytes before the place where its journal stands. By it a
 * sink that resumes tells the run's own output from a file that replaced it, or that
 * another run wrote under another of its names.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_FINGERPRINT_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_FINGERPRINT_H

#include <stdint.h>

enum { OUTPUT_FINGERPRINT_BYTES = 64 << 10 };

/* Of the last OUTPUT_FINGERPRINT_BYTES before `offset`, or all where there are fewer.
 * The descriptor may be one for writing only. 0, with a hash that is never 0; -ENODATA:
 * the file ends before; other -errno. */
int output_fingerprint(int fd, uint64_t offset, uint64_t *ret_hash);

#endif
