/* SPDX-License-Identifier: MIT */
/*
 * A program that speaks FRAMES/1: gives back what it is given, in upper case, unless
 * the chunk is a word that it obeys. `framer ready` says that it is ready, `framer
 * leave` and goes, `framer eager` answers before it has read the request. After `!late`
 * it answers the next request first.
 */
#include <ctype.h>
#include <endian.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t number; /* of the request at hand, as it came */
static uint64_t late;

static void respond(char kind, const void *data, uint64_t announced, size_t size)
{
    uint64_t length = htobe64(announced);
    fwrite("\xf4"
           "ff",
           1, 3, stdout);
    fputc(kind, stdout);
    fwrite(&number, 1, 8, stdout);
    fwrite(&length, 1, 8, stdout);
    fwrite(data, 1, size, stdout);
    fflush(stdout);
}

static bool is(const char *chunk, const char *word)
{
    return strncmp(chunk, word, strlen(word)) == 0;
}

static void obey(char *chunk, size_t size)
{
    if (is(chunk, "!error")) {
        respond('-', chunk + 6, size - 6, size - 6);
    } else if (is(chunk, "!print")) {
        printf("hello\n");
        respond('+', chunk, size, size);
    } else if (is(chunk, "!after")) {
        respond('+', chunk, size, size);
        printf("hello\n");
        fflush(stdout);
    } else if (is(chunk, "!half")) {
        respond('+', chunk, size + 1, size);
        abort();
    } else if (is(chunk, "!exit")) {
        fprintf(stderr, "last words\n");
        exit(7);
    } else if (is(chunk, "!long")) {
        respond('+', chunk, UINT64_C(1) << 63, size);
    } else if (is(chunk, "!twice")) {
        respond('+', chunk, size, size);
        respond('+', chunk, size, size);
    } else if (is(chunk, "!late")) {
        late = number;
        return;
    } else if (is(chunk, "!mute")) {
        number = 0;
        respond('+', chunk, size, size);
    } else if (is(chunk, "!close")) {
        close(STDOUT_FILENO);
        pause();
    } else if (is(chunk, "!hang")) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    } else {
        for (size_t i = 0; i < size; i++)
            chunk[i] = (char)toupper((unsigned char)chunk[i]);
        respond('+', chunk, size, size);
    }
    if (late) {
        number = late;
        late = 0;
        respond('+', "late", 4, 4);
    }
}

static void serve(bool eager)
{
    unsigned char head[32];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        uint64_t length;
        memcpy(&number, head, 8);
        memcpy(&length, head + 8, 8);
        length = be64toh(length);
        if (eager)
            respond('+', "early", 5, 5);
        char *chunk = malloc(length + 1);
        chunk[length] = '\0';
        if (fread(chunk, 1, length, stdin) < length)
            exit(3);
        if (!eager)
            obey(chunk, length);
        free(chunk);
    }
}

int main(int argc, char **argv)
{
    const char *link = argc > 1 ? argv[1] : "";
    if (is(link, "ready") || is(link, "leave"))
        respond('.', "", 0, 0);
    if (is(link, "leave"))
        return 5;
    serve(is(link, "eager"));
    return 0;
}
