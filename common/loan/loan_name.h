/* SPDX-License-Identifier: MIT */
/* What a message says of a loan, and what the memory itself begins with. Pure. */
#ifndef FANFOLD_COMMON_LOAN_LOAN_NAME_H
#define FANFOLD_COMMON_LOAN_LOAN_NAME_H

#include "common/slice.h"
#include <stdbool.h>

enum {
    LOAN_HEAD = 4096,          /* bytes of the memory before those that are lent */
    LOAN_LEAST = 128 << 10,    /* bytes: to copy fewer costs less than to borrow them */
    LOAN_NAME_MAX = 3 * 9 + 1, /* bytes of a packed name */
    LOANS_KEPT = 6,            /* for the next results of a slot, */
    LOANS_KEPT_BYTES = 32 << 20 /* all together */
};

/* Of the memory: the lender's descriptor, its inode, and which loan of it this is. */
struct loan_name {
    uint64_t fd;
    uint64_t inode;
    uint64_t number; /* the memory has it in its first 8 bytes, as the host writes it */
};

/* Returns the bytes that it takes. */
size_t loan_name_pack(const struct loan_name *name, uint8_t to[LOAN_NAME_MAX]);
/* False: that is no name. */
bool loan_name_unpack(struct slice packed, struct loan_name *ret_name);

#endif
