/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/ssh_command.h"

#include "common/memory.h"
#include "common/shell_quote.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It never asks, as nobody could answer; and a host that is gone is noticed. */
static const char options[] =
    " -T -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15"
    " -o ServerAliveCountMax=3";

static void print_ssh(FILE *stream, const struct ssh_workers_config *config,
                      const struct login *login)
{
    fprintf(stream, "%s%s", config->ssh, options);
    if (login->port)
        fprintf(stream, " -p %u", login->port);
}

static void print_forward(FILE *stream, const char *there, const char *here)
{
    char *pair = allocate_text("%s:%s", there, here);
    fputs(" -R ", stream);
    shell_quote(stream, pair);
    free(pair);
}

/* What the host's login shell is given, whichever that is. */
static void print_there(FILE *stream, const struct login *login, const char *script)
{
    char *text = NULL;
    size_t size;
    FILE *inner = open_memstream(&text, &size);
    if (!inner)
        abort_out_of_memory();
    fputs("exec /bin/sh -c ", inner);
    shell_quote(inner, script);
    if (fclose(inner) != 0)
        abort_out_of_memory();
    fputc(' ', stream);
    shell_quote(stream, login->target);
    fputc(' ', stream);
    shell_quote(stream, text);
    free(text);
}

/* A pipe's second command, which unpacks a tar. */
static void print_unpack(FILE *stream, const struct ssh_workers_config *config,
                         const struct login *login, const char *script)
{
    if (*login->target == '\0') {
        fputs("/bin/sh -c ", stream);
        shell_quote(stream, script);
    } else {
        print_ssh(stream, config, login);
        print_there(stream, login, script);
    }
    fputs(" || exit 255; ", stream);
}

static void print_transfer(FILE *stream, const struct ssh_workers_config *config,
                           const struct login *login)
{
    char *script = NULL;
    size_t size;
    FILE *inner = open_memstream(&script, &size);
    if (!inner)
        abort_out_of_memory();
    if (config->workdir) {
        fputs("mkdir -p ", inner);
        shell_quote(inner, config->workdir);
        fputs(" && cd ", inner);
        shell_quote(inner, config->workdir);
        fputs(" && ", inner);
    }
    fputs("exec tar -xf -", inner);
    if (fclose(inner) != 0)
        abort_out_of_memory();
    fputs("tar -cf - --", stream);
    for (size_t i = 0; i < config->transfer_count; i++) {
        fputc(' ', stream);
        shell_quote(stream, config->transfer[i]);
    }
    fputs(" | ", stream);
    print_unpack(stream, config, login, script);
    free(script);
}

char *ssh_command_text(const struct ssh_workers_config *config,
                       const struct login *login, const char *script,
                       const struct ssh_tunnel *tunnel)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        abort_out_of_memory();
    if (config->transfer_count)
        print_transfer(stream, config, login);
    fputs("exec ", stream);
    if (*login->target == '\0') {
        fputs("/bin/sh -c ", stream);
        shell_quote(stream, script);
    } else {
        print_ssh(stream, config, login);
        if (tunnel) {
            fputs(" -o ExitOnForwardFailure=yes -o StreamLocalBindUnlink=yes", stream);
            print_forward(stream, tunnel->tasks, config->tasks);
            print_forward(stream, tunnel->results, config->results);
        }
        print_there(stream, login, script);
    }
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return text;
}
