/* SPDX-License-Identifier: MIT */
/* A caller that was compiled with an older header has a smaller struct: what that lacks
 * is the default. */
#include "deploy/lib/config.h"

#include <string.h>

const char *config_take(const struct fanfold_config *given,
                        struct fanfold_config *ret_config)
{
    *ret_config = (struct fanfold_config)FANFOLD_CONFIG_INIT;
    if (!given || given->size < offsetof(struct fanfold_config, command) ||
        given->size > sizeof *given)
        return "the configuration is of another version of the library: begin with "
               "FANFOLD_CONFIG_INIT";
    memcpy(ret_config, given, given->size);
    if (ret_config->max_record == 0)
        ret_config->max_record = UINT32_MAX;
    if (ret_config->max_result == 0)
        ret_config->max_result = UINT64_C(1) << 30;
    if (ret_config->max_record > UINT32_MAX || ret_config->max_result > UINT32_MAX)
        return "max_record and max_result are at most 4294967295 bytes";
    return NULL;
}
