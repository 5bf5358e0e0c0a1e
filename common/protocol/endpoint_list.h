/* SPDX-License-Identifier: MIT */
/* Results endpoints that outlive the message that named them. Plain data. */
#ifndef FANFOLD_COMMON_PROTOCOL_ENDPOINT_LIST_H
#define FANFOLD_COMMON_PROTOCOL_ENDPOINT_LIST_H

#include "common/protocol/message.h"

struct endpoint {
    char name[NAME_MAX_BYTES + 1];
    uint8_t key[KEY_MAX_BYTES];
    uint8_t key_size;
};

struct endpoint_list {
    struct endpoint endpoints[ENDPOINTS_MAX];
    uint32_t count;
};

/* Copies at most ENDPOINTS_MAX of them. */
void endpoint_list_copy(struct endpoint_list *list,
                        const struct endpoint_entry *entries, uint32_t count);
/* As a message has them; the entries borrow from the list. Returns how many. */
uint32_t endpoint_list_entries(const struct endpoint_list *list,
                               struct endpoint_entry entries[ENDPOINTS_MAX]);
/* "tcp://10.0.0.1:5558,ipc:///run/x", cut to fit. */
void endpoint_list_text(const struct endpoint_list *list, char *text, size_t size);
bool endpoint_list_equal(const struct endpoint_list *a, const struct endpoint_list *b);

#endif
