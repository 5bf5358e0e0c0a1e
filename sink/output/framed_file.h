/* SPDX-License-Identifier: MIT */
/* What an earlier sink wrote in frames, for a sink that resumes. */
#ifndef FANFOLD_SINK_OUTPUT_FRAMED_FILE_H
#define FANFOLD_SINK_OUTPUT_FRAMED_FILE_H

#include "sink/output/framing.h"

/* There is a byte of a result before `end`: not of a dead letter, and no head alone.
 * Where the file cannot be read, a byte that is not a result's counts as well. */
bool framed_file_has_result(int fd, enum framing framing, uint64_t end);

#endif
