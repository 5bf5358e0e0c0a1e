/* SPDX-License-Identifier: MIT */
/* A manifest, read whole: a line a part, in the order of their seqs. */
#ifndef FANFOLD_SINK_PARTS_MANIFEST_H
#define FANFOLD_SINK_PARTS_MANIFEST_H

#include "common/parts/part.h"

struct manifest {
    struct part *parts; /* seqs ascend */
    size_t count;
};

/* 0; -EINVAL: it is no manifest, and *ret_line is the number of the line that is wrong;
 * other -errno. */
int manifest_read(const char *path, struct manifest *ret_manifest, uint64_t *ret_line);
void manifest_deinit(struct manifest *manifest);
/* NULL: it has none of that seq. */
const struct part *manifest_find(const struct manifest *manifest, uint64_t seq);

#endif
