/* SPDX-License-Identifier: MIT */
/*
 * Tells programs, by their environment, where the modules for Python and R lie:
 * FANFOLD_SDK is the directory, which also becomes the last of PYTHONPATH.
 */
#ifndef FANFOLD_COMMON_HELPER_SDK_PATH_H
#define FANFOLD_COMMON_HELPER_SDK_PATH_H

/* Changes this process's environment. */
void sdk_path_announce(void);
/* A copy of this process's environment with the two; the caller frees it by
 * sdk_path_free. */
char **sdk_path_environment(void);
void sdk_path_free(char **environment);

#endif
