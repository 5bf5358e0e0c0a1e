/* SPDX-License-Identifier: MIT */
#include "ventilator/source/chunker.h"
#include "common/records/record_format_text.h"
#include "tests/bench/instructions/paths.h"

#include <assert.h>
#include <string.h>

enum { MIB = 1 << 20 };

/* Lines of 20 to 59 bytes. */
static const uint8_t *lines(void)
{
    static uint8_t bytes[MIB];
    for (size_t at = 0, line = 0; at < MIB; line++) {
        size_t length = 20 + line * 7 % 40;
        length = length < MIB - at ? length : MIB - at;
        memset(bytes + at, 'a' + (int)(line % 26), length);
        at += length;
        bytes[at - 1] = '\n';
    }
    return bytes;
}

static uint64_t take_all(struct chunker *chunker)
{
    struct chunk chunk;
    uint64_t taken = 0;
    while (chunker_take(chunker, &chunk) == CHUNKER_CHUNK) {
        taken += chunk.length;
        zmq_msg_close(&chunk.bytes);
    }
    return taken;
}

void path_chunker(uint64_t units)
{
    struct chunker_config config = {.block_bytes = MIB / 4, .max_record_bytes = MIB};
    bool known = record_format_parse(slice_of_text("lines=1 end=0a"), &config.format);
    assert(known);
    struct chunker *chunker = chunker_new(&config);
    const uint8_t *bytes = lines();
    uint64_t taken = 0;
    for (uint64_t unit = 0; unit < units; unit++)
        for (size_t done = 0, room; done < MIB; done += room) {
            void *to = chunker_room(chunker, &room);
            room = room < MIB - done ? room : MIB - done;
            memcpy(to, bytes + done, room);
            chunker_on_bytes(chunker, room);
            taken += take_all(chunker);
        }
    chunker_on_end(chunker, false);
    taken += take_all(chunker);
    assert(taken == units * MIB);
    chunker_destroy(&chunker);
}
