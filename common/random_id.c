/* SPDX-License-Identifier: MIT */
/* getrandom(2) makes the bytes. */
#include "common/random_id.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

struct id id_random(void)
{
    struct id id;
    ssize_t size;
    do
        size = getrandom(id.bytes, sizeof id.bytes, 0);
    while (size < 0 && errno == EINTR);
    assert(size == sizeof id.bytes); /* getrandom(2) never cuts so few bytes short */
    return id;
}
