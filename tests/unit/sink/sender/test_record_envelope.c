/* SPDX-License-Identifier: MIT */
#include "sink/sender/record_envelope.h"

#include <criterion/criterion.h>
#include <msgpack.h>

Test(record_envelope, is_what_a_msgpack_packer_writes)
{
    static const uint64_t numbers[] = {
        0,         1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32,
        UINT64_MAX};
    const struct id run = {{1, 2, 3}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint8_t bytes[RECORD_ENVELOPE_MAX];
        struct slice envelope = record_envelope(&run, numbers[i], bytes);
        msgpack_sbuffer buffer;
        msgpack_packer packer;
        msgpack_sbuffer_init(&buffer);
        msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
        msgpack_pack_array(&packer, 2);
        msgpack_pack_bin(&packer, sizeof run.bytes);
        msgpack_pack_bin_body(&packer, run.bytes, sizeof run.bytes);
        msgpack_pack_uint64(&packer, numbers[i]);
        cr_assert_eq(envelope.size, buffer.size);
        cr_assert_eq(memcmp(envelope.data, buffer.data, buffer.size), 0);
        msgpack_sbuffer_destroy(&buffer);
    }
}
