/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/dead_letter_writer.h"

#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dead_letter_writer {
    const char *directory;
    struct id run;
    uint64_t count;  /* of dead letters that there are, the journal's included */
    uint8_t *header; /* of the input, header_size bytes; NULL: none, or not known yet */
    size_t header_size;
    bool header_kept; /* with the dead letters */
};

struct dead_letter_writer *dead_letter_writer_new(const char *directory,
                                                  const struct id *run, uint64_t count)
{
    struct dead_letter_writer *writer = allocate_zeroed(1, sizeof *writer);
    writer->directory = directory;
    writer->run = *run;
    writer->count = count;
    return writer;
}

void dead_letter_writer_destroy(struct dead_letter_writer **writer_p)
{
    if (*writer_p)
        free((*writer_p)->header);
    free(*writer_p);
    *writer_p = NULL;
}

/* As soon as both the header and a dead letter are there. */
static int keep_header(struct dead_letter_writer *writer, char *error,
                       size_t error_size)
{
    if (writer->header_kept || !writer->header || !writer->count)
        return 0;
    int result = dead_letters_write_header(
        writer->directory, (struct slice){writer->header, writer->header_size});
    writer->header_kept = result == 0;
    if (result < 0)
        snprintf(error, error_size,
                 "cannot write the header of dead letters to %.400s: %s",
                 writer->directory,
                 result == -EEXIST ? "there is another, or a file with its name"
                                   : strerror(-result));
    return result;
}

struct part {
    dead_letter_reader *read;
    void *context;
    uint64_t first; /* the dead letter's first byte among those of all */
};

static int read_part(void *context, uint64_t from, void *data, size_t size)
{
    const struct part *part = context;
    return part->read(part->context, part->first + from, data, size);
}

int dead_letter_writer_write(struct dead_letter_writer *writer,
                             const struct dead_letter *dead_letters, uint32_t count,
                             dead_letter_reader *read, void *context, char *error,
                             size_t error_size)
{
    struct part part = {.read = read, .context = context};
    for (uint32_t i = 0; i < count; i++) {
        struct dead_letter dead_letter = dead_letters[i];
        dead_letter.run = writer->run;
        int result = dead_letters_write(writer->directory, writer->count + 1,
                                        &dead_letter, read_part, &part);
        if (result < 0) {
            snprintf(error, error_size, "cannot write dead letters to %.400s: %s",
                     writer->directory,
                     result == -EEXIST ? "another run has begun to write its own there"
                                       : strerror(-result));
            return result;
        }
        part.first += dead_letter.length;
        writer->count++;
    }
    return keep_header(writer, error, error_size);
}

int dead_letter_writer_take_header(struct dead_letter_writer *writer,
                                   struct slice header, char *error, size_t error_size)
{
    if (writer->header || header.size == 0)
        return 0;
    writer->header = allocate(header.size);
    writer->header_size = header.size;
    memcpy(writer->header, header.data, header.size);
    return keep_header(writer, error, error_size);
}

uint32_t dead_letter_writer_header_lines(const struct dead_letter_writer *writer)
{
    uint32_t lines = 0;
    for (size_t i = 0; writer->header_kept && i < writer->header_size; i++)
        lines += writer->header[i] == '\n';
    return lines;
}
