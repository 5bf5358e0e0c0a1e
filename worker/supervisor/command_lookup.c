/* SPDX-License-Identifier: MIT */
/* Checks PATH, rights and format. Reads files, starts nothing. */
#include "worker/supervisor/command_lookup.h"
#include "common/exit_status.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or the errno of executing it. Relative paths begin at `directory`. */
static int check_file(int directory, const char *path)
{
    struct stat info;
    if (fstatat(directory, path, &info, 0) < 0)
        return errno;
    if (S_ISDIR(info.st_mode))
        return EISDIR;
    return faccessat(directory, path, X_OK, 0) < 0 ? errno : 0;
}

/* As execvp: passes over a file that it may not execute, and remembers that. */
static int search_path(int directory, const char *word, char *path, size_t size)
{
    const char *list = getenv("PATH");
    int result = ENOENT;
    for (const char *next = list ? list : "/bin:/usr/bin"; next;) {
        const char *end = strchr(next, ':');
        int length = (int)(end ? end - next : (ptrdiff_t)strlen(next));
        char candidate[PATH_MAX];
        int wrote = snprintf(candidate, sizeof candidate, "%.*s%s%s", length, next,
                             length > 0 ? "/" : "", word);
        next = end ? end + 1 : NULL;
        if (wrote < 0 || (size_t)wrote >= sizeof candidate)
            continue;
        int error = check_file(directory, candidate);
        if (error == 0 || (error != ENOENT && error != ENOTDIR && result == ENOENT))
            snprintf(path, size, "%s", candidate);
        if (error == 0)
            return 0;
        if (error == EACCES || error == EISDIR)
            result = error;
    }
    return result;
}

/* env looks for the word after it, and a CR belongs to that. */
static bool is_env_with_cr(const char *line, size_t length)
{
    static const char env[] = "/env";
    const char *end = line + strcspn(line, "\n");
    return length >= strlen(env) &&
           memcmp(line + length - strlen(env), env, strlen(env)) == 0 &&
           end > line + length && end[-1] == '\r';
}

/* `line` follows the "#!". */
static int check_script(int directory, const char *line, char *interpreter, size_t size)
{
    line += strspn(line, " \t");
    size_t length = strcspn(line, " \t\n");
    bool missing = false;
    if (is_env_with_cr(line, length)) {
        length = strcspn(line, "\n");
        missing = true;
    }
    length = length < size ? length : size - 1;
    memcpy(interpreter, line, length);
    interpreter[length] = '\0';
    missing |= length > 0 && faccessat(directory, interpreter, X_OK, 0) < 0;
    return missing ? ELIBBAD : 0;
}

/* If the interpreter of a script is missing, the kernel says that the script does not
 * exist: so looks for it here. */
static int check_format(int directory, const char *path, char *interpreter, size_t size)
{
    char head[256];
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* a program may be executable and not readable */
    ssize_t got = read(fd, head, sizeof head - 1);
    close(fd);
    if (got <= 0)
        return 0;
    head[got] = '\0';
    if (strncmp(head, "#!", 2) == 0)
        return check_script(directory, head + 2, interpreter, size);
    bool elf = strncmp(head, "\177ELF", 4) == 0;
    bool text = !memchr(head, '\0', (size_t)got);
    return elf || text ? 0 : ENOEXEC;
}

/* A file that is not executable and has no "#!". */
static bool is_data(int directory, const char *path)
{
    struct stat info;
    char head[2] = "";
    if (fstatat(directory, path, &info, 0) < 0 || !S_ISREG(info.st_mode) ||
        faccessat(directory, path, X_OK, 0) == 0)
        return false;
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    return got < (ssize_t)sizeof head || memcmp(head, "#!", sizeof head) != 0;
}

/* The shell expands "-i *.csv" so that the command begins with the second file. */
static const char *input_hint(int directory, const char *word)
{
    return is_data(directory, word)
               ? "; if that file is an input, give each input its own -i: -i A -i B"
               : "";
}

static int say_missing(int directory, char *const *argv, char *error, size_t size)
{
    const char *word = argv[0];
    if (strpbrk(word, " \t\n|<>;&$*`'\"()"))
        snprintf(error, size,
                 "%s: command not found; to have a shell run a command line, say: "
                 "--shell '%s'",
                 word, word);
    else
        snprintf(error, size, "%s: command not found%s", word,
                 input_hint(directory, word));
    return STATUS_NOT_FOUND;
}

static int say_unfit(int directory, const char *path, int problem,
                     const char *interpreter, char *error, size_t size)
{
    size_t length = strlen(interpreter);
    if (problem == ELIBBAD && length > 0 && interpreter[length - 1] == '\r')
        snprintf(
            error, size,
            "%s: its first line ends with CR LF, and the CR belongs to the name of "
            "its interpreter, %.*s; to take it out: sed -i 's/\\r$//' %s",
            path, (int)length - 1, interpreter, path);
    else if (problem == ELIBBAD)
        snprintf(error, size, "%s: its interpreter %s cannot be executed", path,
                 interpreter);
    else
        snprintf(error, size, "%s: cannot be executed: %s%s", path, strerror(problem),
                 problem == EACCES ? input_hint(directory, path) : "");
    return STATUS_CANNOT_EXECUTE;
}

static int resolve(int directory, char *const *argv, char **ret_path, char *error,
                   size_t error_size)
{
    const char *word = argv[0];
    char path[PATH_MAX] = "", interpreter[256] = "";
    snprintf(path, sizeof path, "%s", word);
    int problem = ENOENT;
    if (*word)
        problem = strchr(word, '/') ? check_file(directory, word)
                                    : search_path(directory, word, path, sizeof path);
    if (problem == ENOENT || problem == ENOTDIR || problem == ENAMETOOLONG)
        return say_missing(directory, argv, error, error_size);
    if (problem == 0)
        problem = check_format(directory, path, interpreter, sizeof interpreter);
    if (problem)
        return say_unfit(directory, path, problem, interpreter, error, error_size);
    *ret_path = allocate_text("%s", path);
    return 0;
}

int command_resolve(char *const *argv, const char *workdir, char **ret_path,
                    char *error, size_t error_size)
{
    int directory = AT_FDCWD;
    if (!argv || !argv[0]) {
        snprintf(error, error_size, "no command given");
        return STATUS_USAGE;
    }
    if (workdir)
        directory = open(workdir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int status = resolve(directory, argv, ret_path, error, error_size);
    if (workdir && directory >= 0)
        close(directory);
    return status;
}

static char *join(char *const *words)
{
    size_t size = 1;
    for (char *const *word = words; *word; word++)
        size += strlen(*word) + 1;
    char *line = allocate(size), *to = line;
    for (char *const *word = words; *word; word++)
        to += sprintf(to, "%s%s", to > line ? " " : "", *word);
    *to = '\0';
    return line;
}

/* Accounts that nobody may use have a shell that runs nothing. */
static bool runs_commands(const char *shell)
{
    static const char *const refuse[] = {"nologin", "false", "true"};
    const char *slash = strrchr(shell, '/');
    const char *name = slash ? slash + 1 : shell;
    for (size_t i = 0; i < sizeof refuse / sizeof *refuse; i++)
        if (strcmp(name, refuse[i]) == 0)
            return false;
    return *shell != '\0';
}

static char **shell_words(char *const *argv)
{
    const char *shell = getenv("SHELL");
    char **words = allocate_zeroed(4, sizeof *words);
    words[0] = allocate_text("%s", shell && runs_commands(shell) ? shell : "/bin/sh");
    words[1] = allocate_text("-c");
    words[2] = join(argv);
    return words;
}

char **command_words(char *const *argv, bool shell)
{
    size_t count = 0;
    if (shell)
        return shell_words(argv);
    while (argv[count])
        count++;
    char **words = allocate_zeroed(count + 1, sizeof *words);
    for (size_t i = 0; i < count; i++)
        words[i] = allocate_text("%s", argv[i]);
    return words;
}

void command_free_words(char ***words_p)
{
    for (char **word = *words_p; word && *word; word++)
        free(*word);
    free(*words_p);
    *words_p = NULL;
}
