/* SPDX-License-Identifier: MIT */
/* The table is argp's own; in place of an option's line of help it has the answer. */
#include "deploy/local/parallel/parallel_options.h"
#include "common/exit_status.h"

/* Keys above all letters, and above those of the launcher's table. */
enum { FIRST_KEY = 0x10000, MUTE = OPTION_HIDDEN | OPTION_ARG_OPTIONAL };

#define LETTER(letter, name, answer)      \
    {                                     \
        name, letter, "", MUTE, answer, 0 \
    }
#define LONG(name, answer) LETTER(FIRST_KEY + __LINE__, name, answer)
#define ALSO(name)                                           \
    {                                                        \
        name, 0, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0 \
    }

static const struct argp_option options[] = {
    LETTER('d', "delimiter", "write --recend=TEXT"),
    LETTER('n', "max-args", "write -N RECORDS"),
    LETTER('l', NULL, "write -L LINES"),
    LONG("csv", "write --format=csv; a newline within quotes ends no record"),
    LONG("remove-rec-sep", "a chunk keeps all bytes of the input; remove them in the "
                           "command, with tr -d"),
    ALSO("rrs"),
    LONG("group-by", "where a text begins each group, write --recstart=TEXT"),
    LETTER('C', "colsep", "write --format=csv for records with quoted fields"),
    LONG("shard", "fanfold keeps the order, and distributes no records by value"),
    ALSO("bin"),
    LONG("round-robin", "write --mode=lines; the program stays, and answers each line "
                        "with a line"),
    ALSO("round"),
    LONG("skip-first-line", "write --header=1, or tail -n +2 before fanfold"),
    LONG("shuf", "fanfold keeps the order; run shuf before it"),
    LONG("tee", "write tee >(one) >(other); each chunk goes to one slot here"),
    LETTER('q', "quote", "leave it out; no shell reads the command without --shell"),
    LETTER('I', "replace", "{#} and {%} have fixed names here"),
    LONG("seqreplace", "{#} has a fixed name here"),
    LONG("slotreplace", "{%} has a fixed name here"),
    LONG("process-slot-var", "the program finds its slot in FANFOLD_SLOT, from 1"),
    LONG("cat",
         "write --shell 'f=$(mktemp); trap \"rm $f\" EXIT; cat >$f; COMMAND $f'"),
    LONG("fifo", "write /dev/stdin as the file's name; standard input is a pipe"),
    LONG("env", "leave it out; a command has the environment of its worker"),
    LETTER('v', "verbose", "write --dry-run, which shows the command"),
    LETTER('t', NULL, "write --dry-run, which shows the command"),
    LONG("memfree", "write --memory, which bounds what each program may take"),
    ALSO("memsuspend"),
    LONG("load", "write --nice, or fewer slots with -j"),
    ALSO("delay"),
    LONG("transferfile",
         "write --transfer-file FILE for what each host needs; records travel anyway"),
    ALSO("tf"),
    LONG("return", "leave it out; results are what the command prints, and travel"),
    ALSO("cleanup"),
    ALSO("trc"),
    LONG("nonall", "a command runs on chunks of the input, on whichever host is free"),
    ALSO("onall"),
    LONG("term-seq",
         "leave it out; a program gets SIGTERM, and SIGKILL a second later"),
    LONG("resume-failed", "write --on-error=skip --dead-letters=DIR; the sink says how "
                          "to run them again"),
    ALSO("retry-failed"),
    LETTER('u', "ungroup", "write --unordered; results are written whole"),
    ALSO("line-buffer"),
    ALSO("linebuffer"),
    ALSO("lb"),
    ALSO("latest-line"),
    LONG("tag", "write --shell 'COMMAND | sed \"s/^/{#}\\t/\"'"),
    LONG("tagstring", "write --shell 'COMMAND | sed \"s/^/TEXT\\t/\"'"),
    LONG("files", "write --shell 'COMMAND | tee DIR/{#}'"),
    LONG("compress", "leave it out; results wait in memory, and on the disk only above "
                     "--buffer"),
    LONG("total-jobs", "leave it out; fanfold knows the size of the files"),
    LONG("silent", "write --quiet"),
    LETTER('X', "xargs",
           "a command gets its chunk as standard input, and no arguments"),
    LETTER('m', NULL, "a command gets its chunk as standard input, and no arguments"),
    LONG("link", "a command gets its chunk as standard input, and no arguments"),
    {0},
};

/* argp ends the process, as for each option that it does not know. */
static error_t answer(int key, char *value, struct argp_state *state)
{
    (void)value;
    for (const struct argp_option *option = options; option->key || option->name;
         option++) {
        char letter[] = {(char)key, '\0'};
        if (option->key == key && option->doc)
            argp_failure(state, STATUS_USAGE, 0,
                         "%s%s is GNU parallel's: %s (see fanfold-parallel(7))",
                         option->name ? "--" : "-",
                         option->name ? option->name : letter, option->doc);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp parallel_options = {.options = options, .parser = answer};
