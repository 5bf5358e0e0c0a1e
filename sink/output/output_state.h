/* SPDX-License-Identifier: MIT */
/*
 * What the files of an output share, and nobody else: output.c has the queue and calls
 * the kind that the output is of; output_file.c opens, cuts and removes the file of one
 * that is bytes.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_STATE_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_STATE_H

#include "sink/output/output.h"
#include "sink/output/output_watch.h"
#include "sink/output/record_framer.h"

struct output;

/* What a kind of output can do. */
struct output_kind {
    void (*shape)(struct output *output, const struct output_shape *shape);
    /* As output_write, of an output without an error. */
    int (*write)(struct output *output);
    /* As output_check. */
    int (*check)(struct output *output);
    void (*fill_item)(const struct output *output, zmq_pollitem_t *item);
    /* As output_flush and output_receiver. NULL: all is there at once, and nobody else
     * has to come. */
    int (*flush)(struct output *output, int limit_ms);
    const char *(*receiver)(const struct output *output, bool *ret_there);
    /* Frees what is the kind's own. 0 or -errno. */
    int (*close)(struct output *output);
};

extern const struct output_kind output_bytes_kind;    /* output_bytes.c */
extern const struct output_kind output_messages_kind; /* output_messages.c */

/* How a write is kept from blocking. */
enum output_link {
    OUTPUT_PLAIN,  /* it does not block, or only as long as a disk */
    OUTPUT_SOCKET, /* MSG_DONTWAIT */
    OUTPUT_ASKS,   /* poll, then no more than a pipe is bound to take */
};

struct output_entry {
    uint64_t seq;
    uint64_t size;         /* with what frames it; UINT64_MAX: not known yet */
    struct result *result; /* NULL: written */
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_size; /* 0: nothing stands before the result */
    uint64_t unseen;  /* the entry to be looked at for spilling after this one */
};

struct output {
    const struct output_kind *kind;
    struct output_messages *messages; /* of the kind that is messages */
    int fd;                           /* of one that is bytes; else -1 */
    enum output_link link;
    bool regular;
    bool owned;                 /* opened by its path: nobody else writes there */
    bool created;               /* by us: it was not there */
    bool cleared;               /* what was there before is gone */
    bool waits;                 /* the last write found no room */
    int error;                  /* -errno of the write that failed */
    struct output_watch *watch; /* NULL: of what is not a file of our own */
    uint64_t base; /* of a file that others opened: where the first byte goes */
    char *name;
    uint64_t start, found; /* where writing began; bytes that were there */
    uint64_t earlier;      /* bytes of the parts before this one */
    uint64_t limit;        /* bytes after which a part ends with a result */
    uint64_t bytes, whole; /* the end of what is written, and of what is told of */
    struct output_entry *entries; /* ring */
    size_t capacity;              /* a power of two */
    size_t first;                 /* index of the first entry in use */
    size_t written;               /* entries whose result is written */
    size_t count;                 /* entries in use, those included */
    uint64_t pushed;              /* entries ever; the last one's number */
    uint64_t unseen;              /* the last that was not looked at for spilling; 0 */
    size_t offset;                /* in the first entry that waits */
    uint8_t *piece; /* bytes of the first result that waits, if spilled; or frames of
                       records, of all entries that are `framed` and of the next */
    size_t piece_from, piece_size; /* which; size 0: none */
    enum framing framing;
    struct record_framer *framer; /* NULL: no lengths stand within a result */
    size_t framed;                /* entries that wait, and are in `piece` to the end */
    uint64_t framed_bytes;        /* of the next entry, which is so in part */
};

/* Without an entry. */
struct output *output_new(const struct output_kind *kind, const char *name);
/* From 0: those that are written, then those that wait. */
struct output_entry *output_entry_at(const struct output *output, size_t index);
/* The first entry that waits is written. */
void output_finish_entry(struct output *output);

#endif
