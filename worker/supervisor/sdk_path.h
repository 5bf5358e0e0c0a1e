/* SPDX-License-Identifier: MIT */
/* Tells programs, by their environment, where the modules for Python and R lie. */
#ifndef FANFOLD_WORKER_SUPERVISOR_SDK_PATH_H
#define FANFOLD_WORKER_SUPERVISOR_SDK_PATH_H

/* FANFOLD_SDK is the directory, which also becomes the last of PYTHONPATH. Changes this
 * process's environment. */
void sdk_path_announce(void);

#endif
