/* SPDX-License-Identifier: MIT */
#include "ventilator/source/beginning.h"

#include "common/records/byte_order_mark.h"
#include "common/records/encoding.h"
#include <inttypes.h>

bool beginning_matters(const struct record_format *format, uint32_t header_lines)
{
    return encoding_matters(format) || header_lines > 0 ||
           format->kind == RECORDS_FIXED;
}

static enum beginning_outcome refuse_encoding(struct reader *reader,
                                              enum encoding encoding)
{
    const struct named_input *item = reader_item(reader);
    const char *name = encoding_name(encoding);
    reader_fail(reader,
                "%s: it is text in %s, which can only be cut into records as UTF-8: "
                "iconv -f %s -t UTF-8%s%s | fanfold ...",
                item->name, name, name, item->path ? " " : "",
                item->path ? item->path : "");
    return BEGINNING_FAILED;
}

/* Of a file, whose size tells that the mark belongs to no record. */
static bool shifts_records(const struct record_format *format,
                           const struct named_input *item)
{
    return item->kind == SOURCE_KIND_FILE && format->size > BYTE_ORDER_MARK_SIZE &&
           (item->size - item->start) % format->size == BYTE_ORDER_MARK_SIZE;
}

static enum beginning_outcome refuse_shift(struct reader *reader)
{
    const struct named_input *item = reader_item(reader);
    reader_fail(reader,
                "%s: it begins with a byte order mark, three bytes that would shift "
                "all records of --fixed: tail -c +4 %s | fanfold ...",
                item->name, item->path ? item->path : "");
    return BEGINNING_FAILED;
}

/* In the first input the mark stays, as it is where it belongs; with a header, it is in
 * the header. */
static enum beginning_outcome pass_mark(const struct record_format *format,
                                        uint32_t header_lines, struct reader *reader)
{
    if (format->kind == RECORDS_FIXED && shifts_records(format, reader_item(reader)))
        return refuse_shift(reader);
    if (reader->at > 0 && header_lines == 0 && byte_order_mark_is_passed(format))
        reader->ahead_used = BYTE_ORDER_MARK_SIZE;
    return BEGINNING_DONE;
}

static enum beginning_outcome judge(const struct record_format *format,
                                    uint32_t header_lines, struct reader *reader,
                                    bool ended)
{
    struct slice first = {reader->ahead, reader->ahead_size};
    enum encoding encoding = encoding_of(first, ended);
    switch (encoding) {
    case ENCODING_OPEN:
        return BEGINNING_MORE;
    case ENCODING_UTF8:
        return pass_mark(format, header_lines, reader);
    case ENCODING_UTF16:
    case ENCODING_UTF16LE:
    case ENCODING_UTF16BE:
    case ENCODING_UTF32:
        if (encoding_matters(format))
            return refuse_encoding(reader, encoding);
        break;
    case ENCODING_NONE:
        break;
    }
    return BEGINNING_DONE;
}

enum beginning_outcome beginning_read(const struct record_format *format,
                                      uint32_t header_lines, struct reader *reader)
{
    enum reader_outcome outcome = reader_read_ahead(reader);
    switch (outcome) {
    case READER_BYTES:
    case READER_ENDED:
        return judge(format, header_lines, reader, outcome == READER_ENDED);
    case READER_WAITS:
        return BEGINNING_WAITS;
    case READER_FAILED:
        break;
    }
    return BEGINNING_FAILED;
}
