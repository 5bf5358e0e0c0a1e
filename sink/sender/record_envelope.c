/* SPDX-License-Identifier: MIT */
#include "sink/sender/record_envelope.h"

#include <endian.h>

/* Positive numbers in as few bytes as msgpack knows, as its packers do. */
static size_t put_number(uint8_t *to, uint64_t number)
{
    uint64_t order = htobe64(number);
    const uint8_t *bytes = (const uint8_t *)&order;
    size_t width = number <= UINT8_MAX    ? 1
                   : number <= UINT16_MAX ? 2
                   : number <= UINT32_MAX ? 4
                                          : 8;
    if (number < 128) {
        to[0] = (uint8_t)number;
        return 1;
    }
    to[0] = width == 1 ? 0xcc : width == 2 ? 0xcd : width == 4 ? 0xce : 0xcf;
    memcpy(to + 1, bytes + sizeof order - width, width);
    return 1 + width;
}

struct slice record_envelope(const struct id *run, uint64_t number,
                             uint8_t bytes[RECORD_ENVELOPE_MAX])
{
    bytes[0] = 0x92;
    bytes[1] = 0xc4;
    bytes[2] = sizeof run->bytes;
    memcpy(bytes + 3, run->bytes, sizeof run->bytes);
    size_t size = 3 + sizeof run->bytes;
    size += put_number(bytes + size, number);
    return (struct slice){bytes, size};
}
