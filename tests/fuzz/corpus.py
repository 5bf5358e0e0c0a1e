#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the corpus of fuzz_protocol: corpus.py DIRECTORY, or prints the golden bytes: corpus.py --golden

Needs python3-msgpack. What is built here is built from PROTOCOL.md with another implementation of msgpack than the
project's, so the golden bytes of tests/unit/common/protocol/golden.h, which were printed by it, are no echo of our own encoder.

A file of the corpus: byte 0 holds flags (1: there is a payload frame; 2: frame 0 goes on with zeros to one byte above its
limit), bytes 1-4 the size of the payload, big-endian; the rest is frame 0.
"""
import pathlib
import struct
import sys
import zlib

import msgpack

UUID, UID, INC, RUN = (bytes(range(n, n + 16)) for n in (0xA0, 0xB0, 0xC0, 0xD0))
NO_ID = bytes(16)
RESULTS, OTHER, KEY = 'tcp://10.0.0.2:5558', 'tcp://192.0.2.2:5558', bytes(range(0xE0, 0x100))
LINES, INPUT = 'lines=1 end=0a', b'\x01words'
PAYLOAD, LONG = 1, 2
HUGE = 2 ** 64 - 1


def mark(content, seq):
    """As PROTOCOL.md says: what the source wrote, the seq, and the CRC-32 of both."""
    body = content + struct.pack('>Q', seq)
    return body + struct.pack('>I', zlib.crc32(body))


# name: (frame 0, size of the payload or None)
GOLDEN = {
    'hello_worker': ([1, 2, UUID, 7, 'node-7', 812, 2, 0, 0x0123456789ABCDEF, b'exec tr a-z A-Z', NO_ID, 0, [],
                      ['isolate']], None),
    'hello_worker_again': ([1, 2, UUID, 8, 'node-7', 812, 2, 1, 0x0123456789ABCDEF, b'exec tr a-z A-Z', RUN, 1,
                            [4, 9, 2, 5, 10, 1, 70000, 11, 0], ['isolate']], None),
    'hello_worker_of_version_1': ([1, 1], None),
    'hello_sink': ([2, 2, INC, 1, [[RESULTS, b'']], 'store', 4321, 1 << 28, False, []], None),
    'hello_sink_finished': ([2, 2, INC, 1, [[RESULTS, b''], [OTHER, KEY]], 'store', 4321, 1 << 28, True, []], None),
    'welcome_sink': ([3, 2, UID, 250, 10000, 1 << 28, 1 << 27, LINES, b'', 0, 0, NO_ID, 0, [], 0, INPUT, 0, []], None),
    'welcome_worker': ([3, 2, UID, 250, 10000, 1 << 28, 0, LINES, b'', 7, 7, RUN, 1, [[RESULTS, b'']],
                        0x0123456789ABCDEF, b'', 0, []], None),
    'welcome_with_header': ([3, 2, UID, 250, 10000, 1 << 28, 0, 'lines=4 end=0a', b'name\tsize\n', 8, 2, RUN, 1,
                             [[RESULTS, b''], [OTHER, KEY]], 0, b'', 2, []], None),
    'welcome_of_version_3': ([3, 3], None),
    'reject': ([4, 1, b'this ventilator speaks FANFOLD/2'], None),
    'begin': ([5, UID, RUN, 1, 0, b'', INPUT, []], None),
    'begin_again': ([5, UID, RUN, 1, 3, mark(b'\x00\xff@30', 2), INPUT, [5, 2, 9, 1]], None),
    'who': ([6], None),
    'task': ([7, 7, [[0, 1, 0, 6, 1, 0, mark(b'@6', 0)], [1, 2, 0, 5, 1, 60000, mark(b'@11', 1)]]], 11),
    'result': ([8, RUN, 1, UUID, [[0, 1, 6, 1234, mark(b'@6', 0), []], [1, 2, 5, 987, mark(b'@11', 1), []]]], 11),
    'result_of_no_bytes': ([8, RUN, 1, UUID, [[2, 3, 0, 1 << 40, mark(b'@30', 2), []]]], 0),
    'result_with_bad_records': ([8, RUN, 1, UUID, [[4, 9, 12, 5678, mark(b'@325', 4),
                                                    [[301, 306, 6, 0, 3, b'tr: bad \xe9\n'],
                                                     [302, 312, 7, 8, 0, b'']]]]], 25),
    'task_compressed': ([7, 7, [[0, 1, 0, 600, 1, 0, mark(b'@6', 0)]], 1], 41),
    'result_compressed': ([8, RUN, 1, UUID, [[0, 1, 600, 1234, mark(b'@6', 0), []]], 2], 42),
    'result_lent': ([8, RUN, 1, UUID, [[0, 1, 1 << 20, 1234, mark(b'@6', 0), []]], 3], 14),
    'done': ([9, 7, [[0, 1, 310, 1234, 0, 0, False], [1, 2, 1600, 987, 25000, 3, True]]], None),
    'failed': ([10, 7, 2, 4, 310, 4567, 0, 3, b'tr: bad \xe9\n'], None),
    'returned': ([11, 7, [5, 10]], None),
    'forget': ([12, 7, False, [0, 1, 1, 2]], None),
    'forget_only_queued': ([12, 7, True, [5, 10]], None),
    'progress': ([13, 1, [0, 2], 0, 0, 0, 0, 0], None),
    'progress_released': ([13, 1, [], 7, 6, 99, 5, 3], None),
    'skip': ([14, 1, 2, 4, 11, 5, 1, mark(b'@15', 2), 3, 1, 11, b'it crashed'], 4),
    'end': ([15, 1, 2, 0, 0, b''], None),
    'end_interrupted': ([15, 9, 7, 2, 130, b'name\tsize\n'], None),
    'finished': ([16, 1, 0, 0, b'', 0, 11], None),
    'finished_disk_full': ([16, 2, 1, 4, b'No space left on device', 3, 1 << 33], None),
    'stop': ([17, 0, b''], None),
    'goodbye': ([18, 7], None),
    'ping': ([19, 7, 1, False, [0, 1, 1, 2]], None),
    'ping_leaving': ([19, 0, 2, True, []], None),
    'pong': ([20], None),
    'isolate': ([21, 8, 4, 9, 0, 25, 5, 60000, mark(b'@325', 4), 300, 299, 3, False, [3, 1]], 25),
    'isolate_probe': ([21, 8, 4, 8, 0, 25, 5, 0, mark(b'@325', 4), 300, 299, 2, True, [0, 2, 4, 1]], 25),
    'isolate_compressed': ([21, 8, 4, 9, 0, 600, 5, 60000, mark(b'@325', 4), 300, 299, 3, False, [3, 1], 2], 43),
    'refused': ([22, 1, UUID, 1, 2, 0, 4, 0, b'its mark is of task 0'], None),
    'unknown': ([23, 77], None),
    'drain': ([24, 7], None),
    'drained': ([25, 7], None),
    'doubt': ([26, 7, HUGE, b'a line more than was asked', [0, 1, 1, 2]], None),
    'stalled': ([27, INC, 12000, b'the output'], None),
    'doubt_of_what_is_forgotten': ([26, 7, 12, b'a line more than was asked', []], None),
}


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def task(*entries):
    return [7, 7, [list(entry) for entry in entries]]


def result(*bad, length=0):
    return [8, RUN, 1, UUID, [[2, 3, length, 9, b'', [list(record) for record in bad]]]]


def bad_at(place, value):
    return result(tuple(value if i == place else field for i, field in enumerate(BAD_RECORD)))


def result_that_claims_bad(fields):
    """A RESULT that ends behind the head of its bad records."""
    return (b'\x95' + pack(8) + pack(RUN) + pack(1) + pack(UUID) + b'\x91\x96' + pack(0) * 4 + pack(b'')
            + b'\xdc' + struct.pack('>H', fields))


def changed(name, place, value):
    fields = list(GOLDEN[name][0])
    fields[place] = value
    return fields


def number_at(name, place, packed):
    """A golden message with one field packed by hand."""
    fields = GOLDEN[name][0]
    head = bytes([0x90 + len(fields)])
    return head + b''.join(packed if i == place else pack(f) for i, f in enumerate(fields))


ONE = (0, 1, 0, 6, 1, 0, b'')
BAD_RECORD = (300, 4711, 5, 0, 3, b'no')

# Good, and unlike what the project's own encoder writes.
GOOD = {
    'number_in_9_bytes': (number_at('goodbye', 1, b'\xcf' + struct.pack('>Q', 7)), None),
    'number_in_a_signed_format': (number_at('goodbye', 1, b'\xd3' + struct.pack('>q', 7)), None),
    'array_in_5_bytes': (b'\xdd\0\0\0\1\x06', None),
    'text_in_5_bytes': (number_at('reject', 2, b'\xc6\0\0\0\2no'), None),
    'hello_of_version_9_with_anything_behind': (pack([2, 9, {'a': [1.5, None]}, -1]) + b'\xc1', 3),
    'largest_number': (pack([18, HUGE]), None),
    'largest_range': (pack([13, 1, [1, HUGE - 1], 0, 0, 0, 0, 0]), None),
    'mark_of_255_bytes': (pack(task((0, 1, 0, 6, 1, 0, bytes(255)))), 6),
    'empty_payload': (pack(task((0, 1, 0, 0, 1, 0, b''))), 0),
    'largest_bad_record': (pack(result((0, 0, 0, 0, 0, b''), (HUGE, HUGE, 1, 8, 2 ** 32 - 1, bytes(512)))), 1),
    'bad_records_of_two_entries': (pack([8, RUN, 1, UUID, [[2, 3, 0, 9, b'', [BAD_RECORD]], [3, 4, 2, 9, b'', [BAD_RECORD]]]]), 12),
    'largest_isolate': (pack([21, HUGE, HUGE, 2 ** 32 - 1, 2 ** 32 - 1, 0, HUGE, 2 ** 32 - 1, bytes(255), HUGE, HUGE,
                              2 ** 32 - 1, True, [0, 1, 1, HUGE - 1]]), 0),
    'isolate_of_the_most_ranges': (pack(changed('isolate', 6, 4096)[:-1] + [[n for i in range(2048) for n in (2 * i, 1)]]),
                                   25),
    'isolate_that_excepts_all': (pack(changed('isolate', 13, [0, 5])), 25),
    'longest_format': (pack(changed('welcome_worker', 7, 'x' * 1024)), None),
    'longest_input': (pack(changed('begin', 6, bytes(255))), None),
    'another_field': (pack([6, 1]), None),
    'other_fields_of_any_kind': (pack(GOLDEN['ping'][0] + [None, -1, 1.5, {'a': [b'x', {}]}, msgpack.ExtType(1, b'abc')]), None),
    'other_fields_of_an_entry': (pack([7, 7, [[*ONE, 'later', [1, [2]]], [*ONE[:2], 0, 5, *ONE[4:]]]]), 11),
    'other_fields_of_a_bad_record': (pack(result((*BAD_RECORD, 'later'), length=4)), 9),
    'another_field_nested_as_deep_as_allowed': (pack([6, [[[[[[[1]]]]]]]]), None),
    'a_chunk_by_reference': (pack(task((0, 1, 1, 41, 1, 0, b''))), 41),
    'failed_for_a_reference': (pack(changed('failed', 6, 9)), None),
    'a_kind_of_a_later_version': (pack(task((0, 1, 7, 6, 1, 0, b''))), 6),
    'capabilities_of_a_later_version': (pack(changed('hello_worker', 13, ['x' * 32] * 64)), None),
    'most_endpoints': (pack(changed('hello_sink', 4, [['e' * 255, bytes(64)]] * 16)), None),
    'welcome_of_version_1': (pack([3, 1, UID, 250]), None),
}

GOOD |= {
    'compression_that_is_none': (pack(task(ONE) + [0]), 6),
    'compressed_from_the_most_bytes': (pack(task((0, 1, 0, 64 << 20, 1, 0, b'')) + [1]), 99),
    'another_field_behind_the_compression': (pack(task(ONE) + [2, 'later']), 5),
    'longer_than_the_most_bytes_and_not_compressed': (pack(task((0, 1, 0, (64 << 20) + 1, 1, 0, b''))), (64 << 20) + 1),
}

# name: (frame 0, size of the payload or None[, flags]); the name's first word is the error's.
BAD = {
    'EMPTY': (b'', None),
    'TOO_LONG': (pack([6]), None, LONG),
    'SYNTAX_reserved_byte': (b'\x92\x12\xc1', None),
    'SYNTAX_cut': (pack([18, HUGE])[:-1], None),
    'SYNTAX_text_longer_than_the_frame': (b'\x93\x11\x00\xc6\xff\xff\xff\xff', None),
    'SYNTAX_ledger_longer_than_the_frame': (pack(GOLDEN['hello_worker'][0][:-2])[1:].join([b'\x9e', b'\xdd\0\2\xff\xfd']), None),
    'SYNTAX_bad_records_longer_than_the_frame': (result_that_claims_bad(2048), 0),
    'TRAILING': (pack([6]) + b'\0', None),
    'TRAILING_a_second_array': (pack([6]) + pack([6]), None),
    'NOT_ARRAY_number': (pack(6), None),
    'NOT_ARRAY_map': (pack({6: 6}), None),
    'NOT_ARRAY_text': (pack('WHO'), None),
    'DEPTH_array': (pack([6, [[[[[[[[1]]]]]]]]]), None),
    'DEPTH_map': (pack([6, [[[[[[[{}]]]]]]]]), None),
    'DEPTH_entry': (pack([9, 7, [[*GOLDEN['done'][0][2][0], [[[[[[[[]]]]]]]]]]]), None),
    'UNKNOWN_TYPE_0': (pack([0]), None),
    'UNKNOWN_TYPE_28': (pack([28, 1]), None),
    'UNKNOWN_TYPE_huge': (pack([HUGE]), None),
    'UNKNOWN_TYPE_negative': (pack([-6]), None),
    'FIELDS_none': (pack([]), None),
    'FIELDS_one_less': (pack([18]), None),
    'FIELDS_hello_without_version': (pack([1]), None),
    'FIELDS_hello_cut': (pack([1, 2]), None),
    'FIELDS_welcome_without_capabilities': (pack(GOLDEN['welcome_sink'][0][:-1]), None),
    'FIELDS_of_a_done': (pack([9, 7, [[0, 1, 310, 1234, 0, 0]]]), None),
    'FIELDS_of_a_bad_record': (pack(result(BAD_RECORD[:5])), 5),
    'FIELDS_of_an_endpoint': (pack(changed('hello_sink', 4, [[RESULTS]])), None),
    'SYNTAX_claims_2_to_the_32': (b'\xdd\xff\xff\xff\xff\x06', None),
    'SYNTAX_of_another_field': (b'\x92\x06\xc1', None),
    'SYNTAX_of_another_field_inside': (b'\x92\x06\x92\x01\xc1', None),
    'SYNTAX_another_field_is_missing': (b'\x93\x06\x01', None),
    'SYNTAX_map_without_its_last_value': (b'\x92\x06\x82\x01\x01\x02', None),
    'FIELD_TYPE_type': (pack(['WHO']), None),
    'FIELD_TYPE_text_for_number': (pack([18, '7']), None),
    'FIELD_TYPE_float_for_number': (pack([18, 7.0]), None),
    'FIELD_TYPE_nil': (pack([18, None]), None),
    'FIELD_TYPE_number_for_flag': (pack(changed('hello_sink', 8, 0)), None),
    'FIELD_TYPE_bytes_for_text': (pack(changed('hello_sink', 5, b'store')), None),
    'FIELD_TYPE_text_for_bytes': (pack(changed('reject', 2, 'no')), None),
    'FIELD_TYPE_text_for_id': (pack(changed('hello_sink', 2, 'x' * 16)), None),
    'FIELD_TYPE_map_for_list': (pack(changed('done', 2, {0: 1})), None),
    'FIELD_TYPE_entries_flat': (pack(changed('done', 2, [0, 1, 310, 1234, 0, 0, False])), None),
    'FIELD_TYPE_attempts_not_flat': (pack(changed('forget', 3, [[0, 1], [1, 2]])), None),
    'FIELD_TYPE_number_for_bad_records': (pack([8, RUN, 1, UUID, [[2, 3, 0, 9, b'', 7]]]), 0),
    'FIELD_TYPE_text_for_bad_text': (pack(bad_at(5, 'no')), 5),
    'FIELD_TYPE_number_for_probe': (pack(changed('isolate', 12, 1)), 25),
    'FIELD_TYPE_ranges_not_flat': (pack(changed('isolate', 13, [[0, 1], [3, 1]])), 25),
    'FIELD_TYPE_extension': (pack([18, msgpack.ExtType(1, b'abc')]), None),
    'RANGE_negative': (pack([18, -1]), None),
    'RANGE_negative_8_bytes': (pack([18, -2 ** 63]), None),
    'RANGE_attempt_above_32_bits': (pack(changed('failed', 3, 2 ** 32)), None),
    'RANGE_no_slots': (pack(changed('hello_worker', 6, 0)), None),
    'RANGE_slots': (pack(changed('hello_worker', 6, 65536)), None),
    'RANGE_way': (pack(changed('ping', 2, 3)), None),
    'RANGE_state': (pack(changed('hello_worker', 12, [0, 1, 3])), None),
    'VALUE_failed_is_never_lost': (pack(changed('failed', 6, 8)), None),
    'RANGE_failed_how': (pack(changed('failed', 6, 10)), None),
    'RANGE_nonce_0_of_a_worker': (pack(changed('hello_worker', 3, 0)), None),
    'RANGE_nonce_0_of_a_sink': (pack(changed('hello_sink', 3, 0)), None),
    'RANGE_refused_how': (pack(changed('refused', 6, 10)), None),
    'ZERO_ID_uuid': (pack(changed('hello_worker', 2, NO_ID)), None),
    'ZERO_ID_incarnation': (pack(changed('hello_sink', 2, NO_ID)), None),
    'RANGE_skip_how': (pack(changed('skip', 9, 9)), 4),
    'RANGE_skip_attempts': (pack(changed('skip', 8, 2 ** 32)), 4),
    'RANGE_bad_record_how': (pack(bad_at(3, 9)), 5),
    'RANGE_bad_record_code': (pack(bad_at(4, 2 ** 32)), 5),
    'RANGE_isolate_no_records': (pack(changed('isolate', 6, 0)), 25),
    'RANGE_isolate_no_tries': (pack(changed('isolate', 11, 0)), 25),
    'RANGE_isolate_tries': (pack(changed('isolate', 11, 2 ** 32)), 25),
    'RANGE_isolate_empty_range': (pack(changed('isolate', 13, [3, 0])), 25),
    'RANGE_outcome': (pack(changed('stop', 1, 4)), None),
    'RANGE_reason': (pack(changed('reject', 1, 6)), None),
    'RANGE_status': (pack(changed('end', 4, 256)), None),
    'RANGE_heartbeat': (pack(changed('welcome_worker', 3, 0)), None),
    'RANGE_empty_range': (pack(changed('progress', 2, [4, 0])), None),
    'LENGTH_id_short': (pack(changed('hello_sink', 2, INC[:15])), None),
    'LENGTH_id_long': (pack(changed('hello_sink', 2, INC + b'x')), None),
    'LENGTH_host': (pack(changed('hello_sink', 5, 'h' * 256)), None),
    'LENGTH_mark': (pack(task((0, 1, 0, 6, 1, 0, bytes(256)))), 6),
    'LENGTH_text': (pack(changed('reject', 2, bytes(4097))), None),
    'LENGTH_no_entries': (pack([9, 7, []]), None),
    'LENGTH_part_of_an_entry': (pack([11, 7, [1, 2, 3]]), None),
    'LENGTH_no_endpoints': (pack(changed('hello_sink', 4, [])), None),
    'LENGTH_endpoints': (pack(changed('hello_sink', 4, [[RESULTS, b'']] * 17)), None),
    'LENGTH_key': (pack(changed('hello_sink', 4, [[RESULTS, bytes(65)]])), None),
    'LENGTH_capability': (pack(changed('hello_worker', 13, ['x' * 33])), None),
    'LENGTH_capabilities': (pack(changed('hello_worker', 13, ['x'] * 65)), None),
    'LENGTH_batch': (b'\x93\x0b\x07\xdd' + struct.pack('>I', 2 * 4097), None),
    'LENGTH_2_GiB': (b'\x93\x0b\x07\xdd' + struct.pack('>I', 2 ** 31), None),
    'LENGTH_bad_records': (result_that_claims_bad(2049), 0),
    'LENGTH_bad_record_text': (pack(bad_at(5, bytes(513))), 5),
    'LENGTH_format': (pack(changed('welcome_worker', 7, 'x' * 1025)), None),
    'LENGTH_input_of_welcome': (pack(changed('welcome_sink', 15, bytes(256))), None),
    'RANGE_header_out': (pack(changed('welcome_sink', 16, 1 << 32)), None),
    'LENGTH_input_of_begin': (pack(changed('begin', 6, bytes(256))), None),
    'LENGTH_header_of_end': (pack(changed('end', 5, bytes(65537))), None),
    'LENGTH_isolate_ranges': (pack(changed('isolate', 6, 9999)[:-1] + [[n for i in range(2049) for n in (2 * i, 1)]]), 25),
    'VALUE_refused_is_never_lost': (pack(changed('refused', 6, 8)), None),
    'VALUE_range_overflows': (pack(changed('begin', 7, [HUGE, 1])), None),
    'VALUE_bad_records_descend': (pack(result((7, 1, 0, 0, 0, b''), (5, 2, 0, 0, 0, b''))), 0),
    'VALUE_bad_record_twice': (pack(result((7, 1, 0, 0, 0, b''), (7, 2, 0, 0, 0, b''))), 0),
    'VALUE_isolate_ranges_descend': (pack(changed('isolate', 13, [3, 1, 0, 1])), 25),
    'VALUE_isolate_ranges_overlap': (pack(changed('isolate', 13, [0, 3, 2, 1])), 25),
    'VALUE_isolate_range_overflows': (pack(changed('isolate', 13, [HUGE, 1])), 25),
    'VALUE_isolate_excepts_what_it_has_not': (pack(changed('isolate', 13, [3, 3])), 25),
    'VALUE_committed_before_released': (pack([13, 1, [], 1, 2, 0, 0, 0]), None),
    'PAYLOAD_short': (pack(task(ONE)), 5),
    'PAYLOAD_long': (pack(GOLDEN['result'][0]), 12),
    'PAYLOAD_lengths_overflow': (pack(task((0, 1, 0, HUGE, 1, 0, b''), (1, 1, 0, 7, 1, 0, b''))), 6),
    'PAYLOAD_skip': (pack(GOLDEN['skip'][0]), 0),
    'PAYLOAD_isolate': (pack(GOLDEN['isolate'][0]), 24),
    'PAYLOAD_without_the_bad_records': (pack(result(BAD_RECORD, length=4)), 4),
    'PAYLOAD_bad_records_overflow': (pack(result((1, 0, HUGE, 0, 0, b''), (2, 0, 6, 0, 0, b''), length=4)), 9),
    'PAYLOAD_compressed_to_as_many_bytes': (pack(task(ONE) + [1]), 6),
    'PAYLOAD_compressed_to_more_bytes': (pack(GOLDEN['result_compressed'][0]), 601),
    'PAYLOAD_compressed_from_too_many_bytes': (pack(task((0, 1, 0, (64 << 20) + 1, 1, 0, b'')) + [1]), 99),
    'PAYLOAD_compressed_from_no_bytes': (pack(result() + [2]), 0),
    'RANGE_compression': (pack(task(ONE) + [3]), 5),
    'RANGE_compression_of_a_result': (pack(changed('result_compressed', 5, 5)), 42),
    'PAYLOAD_lent_by_a_long_name': (pack(GOLDEN['result_lent'][0]), 33),
    'NO_PAYLOAD_lent': (pack(GOLDEN['result_lent'][0]), None),
    'FIELD_TYPE_text_for_compression': (pack(task(ONE) + ['zstd']), 5),
    'NO_PAYLOAD_compressed': (pack(GOLDEN['task_compressed'][0]), None),
    'NO_PAYLOAD_isolate': (pack(GOLDEN['isolate'][0]), None),
    'NO_PAYLOAD_task': (pack(task(ONE)), None),
    'NO_PAYLOAD_empty_result': (pack(result()), None),
    'STRAY_PAYLOAD': (pack([6]), 1),
    'STRAY_PAYLOAD_empty': (pack([18, 7]), 0),
}


def file(frame, payload, flags=0):
    if payload is not None:
        flags |= PAYLOAD
    return struct.pack('>BI', flags, payload or 0) + frame


def main():
    if sys.argv[1:] == ['--golden']:
        for name, (fields, payload) in GOLDEN.items():
            print(name, '-' if payload is None else payload, pack(fields).hex())
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    files = {'good-' + name: (pack(fields), payload) for name, (fields, payload) in GOLDEN.items()}
    files |= {'good-' + name: case for name, case in GOOD.items()}
    files |= {'bad-' + name: case for name, case in BAD.items()}
    for name, case in files.items():
        (directory / name).write_bytes(file(*case))


if __name__ == '__main__':
    main()
