/* SPDX-License-Identifier: MIT */
/* Where the sink of one run writes dead letters that nobody reads: the caller gets what
 * they say. */
#ifndef FANFOLD_DEPLOY_LIB_LETTERS_DIRECTORY_H
#define FANFOLD_DEPLOY_LIB_LETTERS_DIRECTORY_H

/* Its path, which the caller frees. 0 or -errno. */
int letters_directory_make(char **ret_path);
/* With all its files; NULL: there is none. */
void letters_directory_remove(const char *path);

#endif
