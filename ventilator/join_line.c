/* SPDX-License-Identifier: MIT */
#include "ventilator/join_line.h"

#include "common/memory.h"
#include "common/net/transport.h"
#include "common/shell_quote.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const wildcards[] = {"tcp://[::]:", "tcp://0.0.0.0:"};

static char *host_name(void)
{
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    return allocate_text("%s", name);
}

/* As a worker's command line has it: all addresses of this host go by its name. On the
 * heap. */
char *join_line_reachable(const char *bound)
{
    for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++)
        if (strncmp(bound, wildcards[i], strlen(wildcards[i])) == 0) {
            char *host = host_name();
            char *text = allocate_text("tcp://%s%s", host, strrchr(bound, ':'));
            free(host);
            return text;
        }
    return allocate_text("%s", bound);
}

/* The other host's shell reads the words once more. */
static void print_remote_cat(FILE *stream, const char *path)
{
    char *quoted = NULL;
    size_t size;
    FILE *inner = open_memstream(&quoted, &size);
    if (!inner)
        abort_out_of_memory();
    shell_quote_if_needed(inner, path);
    if (fclose(inner) != 0)
        abort_out_of_memory();
    bool plain = strcmp(quoted, path) == 0;
    char *command = allocate_text("cat %s", quoted);
    if (plain)
        fputs(command, stream);
    else
        shell_quote(stream, command);
    free(command);
    free(quoted);
}

/* No other host reaches it. */
static bool is_loopback(const char *endpoint)
{
    static const char *const hosts[] = {"tcp://127.",
                                        "tcp://[::1]:", "tcp://localhost:"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strncmp(endpoint, hosts[i], strlen(hosts[i])) == 0)
            return true;
    return false;
}

/* The key comes from this host, from another one by ssh. */
static void print_worker(FILE *stream, const char *key, bool here)
{
    char *host = host_name();
    if (key && !here) {
        fprintf(stream, "ssh %s ", host);
        print_remote_cat(stream, key);
        fputs(" | ", stream);
    }
    fputs("fanfold-worker", stream);
    if (key)
        fputs(" --keys ", stream);
    if (key && here)
        shell_quote_if_needed(stream, key);
    else if (key)
        fputc('-', stream);
    free(host);
}

void join_line_say(const struct ventilator_options *options, const char *bound)
{
    char *endpoint = join_line_reachable(bound), *line = NULL;
    bool here = is_loopback(endpoint);
    size_t size;
    FILE *stream = open_memstream(&line, &size);
    if (!stream)
        abort_out_of_memory();
    print_worker(stream, options->join_key, here);
    fprintf(stream, " --tasks %s", endpoint);
    if (options->join_words)
        fprintf(stream, " %s", options->join_words);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    if (options->join_words)
        say("workers on %s join by: %s", here ? "this host" : "other hosts", line);
    else
        say("workers can join with --tasks %s", endpoint);
    free(line);
    free(endpoint);
}

/* ---- the file ---- */

static void print_text(FILE *stream, const char *text)
{
    if (!text) {
        fputs("null", stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(stream, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(stream, "\\u%04x", *text);
        else
            fputc(*text, stream);
    fputc('"', stream);
}

static void print_list(FILE *stream, const char *const *words)
{
    fputc('[', stream);
    for (size_t i = 0; words[i]; i++) {
        fputs(i ? ", " : "", stream);
        print_text(stream, words[i]);
    }
    fputc(']', stream);
}

/* Where workers on other hosts reach the sink; if none can, where those here do. */
static void print_results(FILE *stream, const struct endpoint_list *results)
{
    const char *open[ENDPOINTS_MAX + 1] = {NULL}, *all[ENDPOINTS_MAX + 1] = {NULL};
    size_t count = 0;
    for (uint32_t i = 0; results && i < results->count; i++) {
        all[i] = results->endpoints[i].name;
        if (transport_is_tcp(all[i]))
            open[count++] = all[i];
    }
    print_list(stream, count ? open : all);
}

static void print_file(FILE *stream, const struct ventilator_options *options,
                       const char *tasks, const char *ventilator_key,
                       const struct endpoint_list *results)
{
    char *host = host_name();
    fputs("{\"tasks\": ", stream);
    print_list(stream, (const char *const[]){tasks, NULL});
    fputs(", \"results\": ", stream);
    print_results(stream, results);
    fputs(", \"host\": ", stream);
    print_text(stream, host);
    fprintf(stream, ", \"pid\": %ld, \"ventilator_key\": ", (long)getpid());
    print_text(stream, ventilator_key);
    fputs(", \"key_file\": ", stream);
    print_text(stream, options->join_key);
    fputs("}\n", stream);
    free(host);
}

static int write_file(const struct ventilator_options *options, const char *path,
                      const char *bound, const char *ventilator_key,
                      const struct endpoint_list *results)
{
    if (!path)
        return 0;
    char *temporary = allocate_text("%s.%ld.tmp", path, (long)getpid());
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    int result = stream ? 0 : -errno;
    if (stream) {
        print_file(stream, options, bound, ventilator_key, results);
        bool failed = ferror(stream) != 0;
        if (fclose(stream) != 0 || failed)
            result = errno ? -errno : -EIO;
    }
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result < 0)
        unlink(temporary);
    free(temporary);
    return result;
}

int endpoint_file_write(const struct ventilator_options *options, const char *bound,
                        const char *ventilator_key, const struct endpoint_list *results)
{
    char *tasks = join_line_reachable(bound);
    int result =
        write_file(options, options->endpoint_file, tasks, ventilator_key, results);
    /* Whoever starts workers finds out by which address they reach this host. */
    if (result == 0)
        result =
            write_file(options, options->ready_file, bound, ventilator_key, results);
    free(tasks);
    return result;
}

void endpoint_file_remove(const struct ventilator_options *options)
{
    if (options->endpoint_file)
        unlink(options->endpoint_file);
    if (options->ready_file)
        unlink(options->ready_file);
}
