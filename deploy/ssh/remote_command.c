/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/remote_command.h"

#include "common/memory.h"
#include "common/shell_quote.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The port's colon, where the ventilator is bound to all addresses; NULL: it is not. */
static const char *find_open_port(const char *endpoint)
{
    static const char *const wildcards[] = {
        "tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"};
    for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++)
        if (strncmp(endpoint, wildcards[i], strlen(wildcards[i])) == 0)
            return strrchr(endpoint, ':');
    return NULL;
}

/* sshd tells with which address the other side came: there the ventilator is. */
static void print_endpoint(FILE *stream, const struct remote_command *command)
{
    const char *endpoint = command->endpoint, *port = find_open_port(endpoint);
    if (port) {
        fputs(command->local ? "h=127.0.0.1; " : "h=${SSH_CONNECTION%% *}; ", stream);
        fputs("case $h in *:*) h=\"[$h]\";; esac; t=\"tcp://$h\"", stream);
        shell_quote(stream, port);
    } else {
        fputs("t=", stream);
        shell_quote(stream, endpoint);
    }
    fputs("; ", stream);
}

/* What a host without a worker does. tar would read on behind the archive, where the
 * stream does not end. */
static void print_copy(FILE *stream, const struct remote_command *command)
{
    const char *to = command->copy_to;
    if (to)
        fprintf(stream, "[ \"$u\" = '%s' ] || ", command->copy_system);
    fprintf(stream, "{ echo %s %s $u; exit 127; }; ", command->token, REMOTE_MISSING);
    if (to)
        fprintf(stream,
                "echo %s %s; (umask 077; mkdir %s && head -c %zu | tar -xf - -C %s) || "
                "{ rm -rf %s; exit 255; }; PATH=%s:$PATH; c=%s; w=$c/fanfold-worker; ",
                command->token, REMOTE_COPY, to, command->copy_size, to, to, to, to);
}

static void print_search(FILE *stream, const struct remote_command *command)
{
    fputs("PATH=", stream);
    shell_quote(stream, command->remote_bin ? command->remote_bin : command->local_bin);
    fputs(":$PATH; export PATH; w=$(command -v fanfold-worker) || { u=$(uname -sm); ",
          stream);
    print_copy(stream, command);
    fputs("}; ", stream);
}

static void print_option(FILE *stream, const char *name, const char *value)
{
    char *word = allocate_text("--%s=%s", name, value);
    fputc(' ', stream);
    shell_quote(stream, word);
    free(word);
}

static void print_worker(FILE *stream, const struct remote_command *command)
{
    fputs("\"$w\" --alive-fd=3 --leash --supervised \"--tasks=$t\"", stream);
    if (command->results)
        print_option(stream, "results", command->results);
    if (command->keyed)
        fputs(" --keys=-", stream);
    if (command->slots)
        fprintf(stream, " --jobs=%u", command->slots);
    if (command->workdir)
        print_option(stream, "workdir", command->workdir);
    if (command->copy_to)
        fputs(" ${c:+--copied}", stream);
    for (const char *const *word = command->options; *word; word++) {
        fputc(' ', stream);
        shell_quote(stream, *word);
    }
    fputs(" --", stream);
    for (char *const *word = command->command; *word; word++) {
        fputc(' ', stream);
        shell_quote(stream, *word);
    }
}

static void print_removal(FILE *stream, const struct remote_command *command)
{
    if (!command->remove[0])
        return;
    fputs("; s=$?; rm -rf", stream);
    for (const char *const *path = command->remove; *path; path++) {
        fputc(' ', stream);
        shell_quote(stream, *path);
    }
    fputs("; exit $s", stream);
}

/* The worker's standard output is for the byte that says that it has done a task. */
char *remote_command_text(const struct remote_command *command)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        abort_out_of_memory();
    print_search(stream, command);
    print_endpoint(stream, command);
    if (command->workdir) {
        fputs("mkdir -p ", stream);
        shell_quote(stream, command->workdir);
        fputs(" || exit 4; ", stream);
    }
    fprintf(stream, "echo %s %s; exec 3>&1 1>&2; ", command->token, REMOTE_FOUND);
    if (command->copy_to)
        fputs("${c:+env LD_LIBRARY_PATH=$c} ", stream);
    else if (!command->remove[0])
        fputs("exec ", stream);
    print_worker(stream, command);
    print_removal(stream, command);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return text;
}
