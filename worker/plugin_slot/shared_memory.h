/* SPDX-License-Identifier: MIT */
/*
 * Memory that two processes share and either may make longer. It is sealed against
 * becoming shorter, so that no process can take pages away under the other; memory is
 * given back by punching a hole instead.
 */
#ifndef FANFOLD_WORKER_PLUGIN_SLOT_SHARED_MEMORY_H
#define FANFOLD_WORKER_PLUGIN_SLOT_SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared_memory {
    int fd;
    uint8_t *data;
    size_t mapped;  /* bytes */
    size_t known;   /* bytes that it was long when it was last looked at */
    size_t touched; /* bytes that may hold memory */
    size_t peak;    /* bytes used lately, fading */
};

/* 0, or -errno. */
int shared_memory_create(struct shared_memory *memory, const char *name, size_t size);
/* Memory that another process made; `fd` is the struct's from now on. */
int shared_memory_open(struct shared_memory *memory, int fd);
void shared_memory_close(struct shared_memory *memory);

/* Makes it at least so long. 0, or -errno. */
int shared_memory_grow(struct shared_memory *memory, size_t size);
/* Maps at least so much, if it is that long: the other side may have made it longer.
 * False: it is not. */
bool shared_memory_follow(struct shared_memory *memory, size_t size);
/* Nobody needs the contents now, of which `used` bytes were used: gives memory back
 * that was not needed for long. */
void shared_memory_trim(struct shared_memory *memory, size_t used);

#endif
