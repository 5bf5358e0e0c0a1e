/* SPDX-License-Identifier: MIT */
/* The ways to compress a payload by the names that people and HELLOs have for them. */
#ifndef FANFOLD_COMMON_PROTOCOL_PAYLOAD_COMPRESSION_H
#define FANFOLD_COMMON_PROTOCOL_PAYLOAD_COMPRESSION_H

#include "common/protocol/message.h"

/* "zstd" or "lz4". */
bool payload_compression_parse(const char *text, enum payload_compression *ret);

/* The capability to decompress such payloads; borrowed for ever. */
struct capability payload_compression_capability(enum payload_compression compression);

/* Which of them the capabilities name, a bit each: see payload_compression_in. */
unsigned payload_compressions_named(const struct capability *capabilities,
                                    uint32_t count);
/* Whether this one is among them; of PAYLOAD_PLAIN, never. */
bool payload_compression_in(unsigned named, enum payload_compression compression);
/* The first of them; PAYLOAD_PLAIN: there is none. */
enum payload_compression payload_compression_first(unsigned named);

/* Adds the capabilities of all to `capabilities`, which has room for them; returns the
 * new count. */
uint32_t payload_compression_add_all(struct capability *capabilities, uint32_t count);

#endif
