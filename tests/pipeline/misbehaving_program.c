/* SPDX-License-Identifier: MIT */
/*
 * A user's program for tests, as a filter and as a plugin: its answer to a line is the
 * line in capitals, but a line whose second word begins with ! does what that says:
 *
 *     !abort  !exit N  !hang  !memory  !worker (kills the worker that runs it)
 *     !fork (both answer, the child first, and the other one once that has ended)
 *
 * "preparing PID" goes to the file $NOTES once a plugin is prepared. $SLOW_MS is how
 * long a chunk takes.
 */
#include "worker/fanfold.h"

#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAP_MAX = 16 << 20 };

/* All that it is let have; then it is out of memory, as any program would be. */
static void eat_memory(void)
{
    size_t eaten = 0;
    struct rlimit limit = {HEAP_MAX, HEAP_MAX};
    setrlimit(RLIMIT_DATA, &limit);
    for (char *piece; (piece = malloc(1 << 20)) != NULL; eaten += 1 << 20)
        memset(piece, 1, 1 << 20);
    fprintf(stderr, "misbehaving_program: out of memory after %zu bytes\n", eaten);
    abort();
}

/* The parent of a process, 0 where there is none; and its name. */
static pid_t parent_of(pid_t pid, char name[64])
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%*d (%63[^)]) %*c %d", name, &parent) != 2)
        parent = 0;
    fclose(file);
    return parent;
}

/* The supervisor that is between them has its name, too; so the topmost. */
static void kill_worker(void)
{
    pid_t worker = 0;
    for (pid_t pid = getppid(), parent; pid > 1; pid = parent) {
        char name[64] = "";
        parent = parent_of(pid, name);
        if (strcmp(name, "fanfold-worker") == 0)
            worker = pid;
    }
    if (worker)
        kill(worker, SIGKILL);
    for (;;)
        pause();
}

static void answer_twice(void)
{
    pid_t child = fork();
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void obey(const char *word)
{
    if (strncmp(word, "!abort", 6) == 0) {
        fprintf(stderr, "misbehaving_program: about to abort\n");
        abort();
    }
    if (strncmp(word, "!exit ", 6) == 0) {
        fprintf(stderr, "misbehaving_program: %.7s\n", word);
        _exit(atoi(word + 6));
    }
    if (strncmp(word, "!memory", 7) == 0)
        eat_memory();
    if (strncmp(word, "!worker", 7) == 0)
        kill_worker();
    if (strncmp(word, "!fork", 5) == 0)
        answer_twice();
    while (strncmp(word, "!hang", 5) == 0)
        pause();
}

static void take_long(void)
{
    const char *ms = getenv("SLOW_MS");
    if (ms)
        poll(NULL, 0, atoi(ms));
}

/* Into `answer`, which has as much room as the line. */
static void answer_line(const unsigned char *line, size_t size, unsigned char *answer)
{
    char text[64] = "";
    const unsigned char *word = memchr(line, '!', size);
    if (word && word > line && word[-1] == ' ') {
        size_t length = size - (size_t)(word - line);
        memcpy(text, word, length < sizeof text ? length : sizeof text - 1);
        obey(text);
    }
    for (size_t i = 0; i < size; i++)
        answer[i] = (unsigned char)toupper(line[i]);
}

static void answer_lines(const unsigned char *lines, size_t size, unsigned char *answer)
{
    take_long();
    while (size > 0) {
        const unsigned char *end = memchr(lines, '\n', size);
        size_t length = end ? (size_t)(end - lines) + 1 : size;
        answer_line(lines, length, answer);
        lines += length;
        answer += length;
        size -= length;
    }
}

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    const char *path = getenv("NOTES");
    FILE *notes = path ? fopen(path, "a") : NULL;
    (void)argc;
    (void)argv;
    (void)ret_state;
    if (path && !notes)
        return fanfold_fail(error, 1, "cannot write %s", path);
    if (notes) {
        fprintf(notes, "preparing %d\n", (int)getpid());
        fclose(notes);
    }
    return 0;
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    (void)state;
    unsigned char *room = fanfold_reserve(output, chunk->size);
    if (!room)
        return fanfold_fail(error, 1, "no room for %zu bytes", chunk->size);
    answer_lines(chunk->data, chunk->size, room);
    fanfold_commit(output, chunk->size);
    return 0;
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "misbehaving_program",
    .prepare = prepare,
    .process = process,
};

int main(void)
{
    size_t size = 0, capacity = 1 << 16, got;
    unsigned char *bytes = malloc(capacity);
    while (bytes && (got = fread(bytes + size, 1, capacity - size, stdin)) > 0)
        if ((size += got) == capacity)
            bytes = realloc(bytes, capacity *= 2);
    unsigned char *answer = malloc(size + 1);
    if (!bytes || !answer)
        return 1;
    answer_lines(bytes, size, answer);
    size_t written = fwrite(answer, 1, size, stdout);
    free(bytes);
    free(answer);
    return written == size && fflush(stdout) == 0 ? 0 : 1;
}
