/* SPDX-License-Identifier: MIT */
#include "common/protocol/payload_compression.h"

#include <string.h>

static const char *const names[] = {
    [PAYLOAD_ZSTD] = "compress-zstd",
    [PAYLOAD_LZ4] = "compress-lz4",
};

static const size_t prefix_size = sizeof "compress-" - 1;

bool payload_compression_parse(const char *text, enum payload_compression *ret)
{
    for (unsigned i = PAYLOAD_PLAIN + 1; i <= PAYLOAD_COMPRESSION_MAX; i++)
        if (strcmp(text, names[i] + prefix_size) == 0) {
            *ret = (enum payload_compression)i;
            return true;
        }
    return false;
}

struct capability payload_compression_capability(enum payload_compression compression)
{
    return (struct capability){.name = slice_of_text(names[compression])};
}

static bool is(const struct capability *capability, const char *name)
{
    return capability->name.size == strlen(name) &&
           memcmp(capability->name.data, name, strlen(name)) == 0;
}

unsigned payload_compressions_named(const struct capability *capabilities,
                                    uint32_t count)
{
    unsigned named = 0;
    for (uint32_t k = 0; k < count; k++)
        for (unsigned i = PAYLOAD_PLAIN + 1; i <= PAYLOAD_COMPRESSION_MAX; i++)
            if (is(&capabilities[k], names[i]))
                named |= 1u << i;
    return named;
}

bool payload_compression_in(unsigned named, enum payload_compression compression)
{
    return compression != PAYLOAD_PLAIN && named & 1u << compression;
}

enum payload_compression payload_compression_first(unsigned named)
{
    for (unsigned i = PAYLOAD_PLAIN + 1; i <= PAYLOAD_COMPRESSION_MAX; i++)
        if (named & 1u << i)
            return (enum payload_compression)i;
    return PAYLOAD_PLAIN;
}

uint32_t payload_compression_add_all(struct capability *capabilities, uint32_t count)
{
    for (unsigned i = PAYLOAD_PLAIN + 1; i <= PAYLOAD_COMPRESSION_MAX; i++)
        capabilities[count++] =
            payload_compression_capability((enum payload_compression)i);
    return count;
}
