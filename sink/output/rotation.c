/* SPDX-License-Identifier: MIT */
#include "sink/output/rotation.h"

#include "common/parse.h"
#include <string.h>

/* A plain number is bytes, as in every size. */
bool rotation_parse(const char *text, struct rotation *ret_rotation)
{
    struct rotation rotation = {.bytes = UINT64_MAX, .age_us = INT64_MAX};
    bool plain = *text && strspn(text, "0123456789.") == strlen(text);
    bool size = parse_size(text, &rotation.bytes);
    bool age = !plain && parse_duration(text, &rotation.age_us);
    if (size == age || rotation.bytes == 0 || rotation.age_us == 0)
        return false;
    *ret_rotation = rotation;
    return true;
}

bool rotation_is_wanted(const struct rotation *rotation)
{
    return rotation->bytes > 0;
}
