/* SPDX-License-Identifier: MIT */
#include "deploy/lib/text_tail.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { AT_MOST = 64 << 10, BLOCK = 4096 }; /* a program that never stops has its turn */

static void keep(struct text_tail *tail, const char *bytes, size_t size)
{
    if (tail->size + size > TAIL_BYTES)
        tail->cut = true;
    if (size > TAIL_BYTES) {
        bytes += size - TAIL_BYTES;
        size = TAIL_BYTES;
    }
    if (tail->size + size > TAIL_BYTES) {
        size_t over = tail->size + size - TAIL_BYTES;
        memmove(tail->bytes, tail->bytes + over, tail->size - over);
        tail->size -= over;
    }
    memcpy(tail->bytes + tail->size, bytes, size);
    tail->size += size;
}

/* Text for people is not worth the run: what cannot be written is left out. */
static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        size -= (size_t)written;
    }
}

/* Whoever reads the caller's descriptor may have gone; the SIGPIPE of that is ours to
 * take back, unless the caller had one pending. */
static void copy_all(int fd, const char *bytes, size_t size)
{
    static const struct timespec now = {0, 0};
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    write_all(fd, bytes, size);
    if (!sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool text_tail_read(struct text_tail *tail, int pipe, int copy)
{
    char block[BLOCK];
    for (size_t all = 0; all < AT_MOST;) {
        ssize_t size = read(pipe, block, sizeof block);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        keep(tail, block, (size_t)size);
        if (copy >= 0)
            copy_all(copy, block, (size_t)size);
        all += (size_t)size;
    }
    return true;
}

const char *text_tail_last(struct text_tail *tail)
{
    while (tail->size > 0 && tail->bytes[tail->size - 1] == '\n')
        tail->size--;
    tail->bytes[tail->size] = '\0';
    const char *text = tail->bytes;
    if (tail->cut && strchr(text, '\n')) /* the first line may lack its beginning */
        text = strchr(text, '\n') + 1;
    return text;
}
