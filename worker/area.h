/* SPDX-License-Identifier: MIT */
/*
 * Memory that two processes share and either may make longer. It is sealed against
 * becoming shorter, so that no process can take pages away under the other; memory is
 * given back by punching a hole instead.
 */
#ifndef FANFOLD_WORKER_AREA_H
#define FANFOLD_WORKER_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct area {
    int fd;
    uint8_t *data;
    size_t mapped;  /* bytes */
    size_t known;   /* bytes that it was long when it was last looked at */
    size_t touched; /* bytes that may hold memory */
    size_t peak;    /* bytes used lately, fading */
};

/* 0, or -errno. */
int area_create(struct area *area, const char *name, size_t size);
/* One that another process made; `fd` is the area's from now on. */
int area_open(struct area *area, int fd);
void area_close(struct area *area);

/* Makes it at least so long. 0, or -errno. */
int area_grow(struct area *area, size_t size);
/* Maps at least so much, if it is that long: the other side may have made it longer.
 * False: it is not. */
bool area_follow(struct area *area, size_t size);
/* Nobody needs what is in it now, of which `used` bytes were: gives memory back that
 * was not needed for long. */
void area_rest(struct area *area, size_t used);

#endif
