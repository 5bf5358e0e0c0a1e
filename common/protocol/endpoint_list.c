/* SPDX-License-Identifier: MIT */
#include "common/protocol/endpoint_list.h"

#include <stdio.h>
#include <string.h>

void endpoint_list_copy(struct endpoint_list *list,
                        const struct endpoint_entry *entries, uint32_t count)
{
    *list = (struct endpoint_list){
        .count = count < ENDPOINTS_MAX ? count : (uint32_t)ENDPOINTS_MAX};
    for (uint32_t i = 0; i < list->count; i++) {
        struct endpoint *endpoint = &list->endpoints[i];
        slice_copy_text(entries[i].endpoint, endpoint->name, sizeof endpoint->name);
        endpoint->key_size = (uint8_t)entries[i].key.size;
        if (endpoint->key_size)
            memcpy(endpoint->key, entries[i].key.data, endpoint->key_size);
    }
}

uint32_t endpoint_list_entries(const struct endpoint_list *list,
                               struct endpoint_entry entries[ENDPOINTS_MAX])
{
    for (uint32_t i = 0; i < list->count; i++)
        entries[i] = (struct endpoint_entry){
            .endpoint = slice_of_text(list->endpoints[i].name),
            .key = {list->endpoints[i].key, list->endpoints[i].key_size},
        };
    return list->count;
}

void endpoint_list_text(const struct endpoint_list *list, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < list->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
                                 list->endpoints[i].name);
}

bool endpoint_list_equal(const struct endpoint_list *a, const struct endpoint_list *b)
{
    return a->count == b->count &&
           memcmp(a->endpoints, b->endpoints, a->count * sizeof *a->endpoints) == 0;
}
