/* SPDX-License-Identifier: MIT */
/*
 * How far a spool is done with, in the file "position" of its directory: a number, then
 * a checksum, each 8 bytes, little-endian. Written by the writer's process, or by the
 * one reader that has a position of its own.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_POSITION_H
#define FANFOLD_COMMON_SPOOL_SPOOL_POSITION_H

#include <stdbool.h>
#include <stdint.h>

/* The descriptor of the file in the directory `path`, for the two below, or -errno. */
int spool_position_open(const char *path);
/* 0: there is none, or it is damaged. */
uint64_t spool_position_read(int fd);
/* `syncs`: it is on the disk afterwards. 0 or -errno. */
int spool_position_write(int fd, uint64_t number, bool syncs);

#endif
