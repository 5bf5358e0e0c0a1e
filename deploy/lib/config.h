/* SPDX-License-Identifier: MIT */
/* What a caller configured, with the defaults in place. Pure. */
#ifndef FANFOLD_DEPLOY_LIB_CONFIG_H
#define FANFOLD_DEPLOY_LIB_CONFIG_H

#include "deploy/lib/libfanfold.h"

/* NULL, or a sentence that says what is wrong; then the result is not for use. */
const char *config_take(const struct fanfold_config *given,
                        struct fanfold_config *ret_config);

#endif
