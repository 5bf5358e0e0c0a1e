/* SPDX-License-Identifier: MIT */
/* Reads the options and the host's name; nothing here changes later. */
#include "worker/identity.h"

#include "common/random_id.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static uint64_t program_hash(const struct worker_options *options)
{
    XXH64_state_t *state = XXH64_createState();
    XXH64_reset(state, options->mode);
    if (options->shell)
        XXH64_update(state, "shell", sizeof "shell");
    if (options->strip_frame)
        XXH64_update(state, "strip-frame", sizeof "strip-frame");
    for (char **word = options->command; *word; word++)
        XXH64_update(state, *word, strlen(*word) + 1);
    uint64_t hash = XXH64_digest(state);
    XXH64_freeState(state);
    return hash;
}

static void command_text(const struct worker_options *options, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (char **word = options->command; *word && used < size - 1; word++) {
        int length = snprintf(text + used, size - used, "%s%s", used ? " " : "", *word);
        used += (size_t)(length > 0 ? length : 0);
    }
}

void identity_init(struct identity *identity, const struct worker_options *options)
{
    *identity = (struct identity){.uuid = id_random(), .slots = options->slots};
    id_text(&identity->uuid, identity->uuid_text);
    identity->program = program_hash(options);
    identity->sees_root = options->root != NULL;
    identity->drains = options->mode == PROGRAM_LINES;
    command_text(options, identity->command, sizeof identity->command);
    if (options->place)
        snprintf(identity->place, sizeof identity->place, PLACE_PREFIX "%s",
                 options->place);
    gethostname(identity->host, sizeof identity->host - 1);
}
