/* SPDX-License-Identifier: MIT */
/*
 * Compresses payloads for links between hosts, and decompresses those of others, whom
 * it believes nothing: what a payload becomes has the length that its message declares,
 * and its checksum is right, or it is refused.
 *
 * One call does a whole payload, of COMPRESSED_MAX bytes at most (what is longer
 * travels as it is), and a turn of the loop has the same bound: zstd's level 1 does so
 * much in less than a heartbeat, and no state of half a payload has to live between two
 * turns, in which messages must not overtake each other.
 */
#ifndef FANFOLD_COMMON_NET_PAYLOAD_CODEC_H
#define FANFOLD_COMMON_NET_PAYLOAD_CODEC_H

#include "common/protocol/message.h"
#include <zmq.h>

struct payload_codec;

struct payload_codec *payload_codec_new(void);
void payload_codec_destroy(struct payload_codec **codec_p);

/* True: *payload is another one now, compressed and shorter by a sixteenth at least.
 * False: it is as it was: too short or too long for it, or it does not shrink, or the
 * turn has no bytes left, or `compression` is PAYLOAD_PLAIN. */
bool payload_codec_compress(struct payload_codec *codec,
                            enum payload_compression compression, zmq_msg_t *payload);

/* True: *payload is another one now, of `length` bytes, which the decoder has found
 * within its bounds. False: it is damaged, and as it was. */
bool payload_codec_decompress(struct payload_codec *codec,
                              enum payload_compression compression, zmq_msg_t *payload,
                              uint64_t length);

/* The turn has used up its bytes: take no further message now. */
bool payload_codec_is_spent(const struct payload_codec *codec);
/* Another turn of the loop begins. */
void payload_codec_begin_turn(struct payload_codec *codec);

/* A line of the log with what compression has saved so far, if there was any. */
void payload_codec_log(const struct payload_codec *codec, const char *what);

#endif
