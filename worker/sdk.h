/* SPDX-License-Identifier: MIT */
/* Where the modules for Python and R lie, told to programs by their environment. */
#ifndef FANFOLD_WORKER_SDK_H
#define FANFOLD_WORKER_SDK_H

/* FANFOLD_SDK is the directory, which also becomes the last of PYTHONPATH. Changes this
 * process's environment. */
void sdk_announce(void);

#endif
