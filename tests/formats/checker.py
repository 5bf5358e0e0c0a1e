# SPDX-License-Identifier: MIT
"""Checks an answer of the driver against the ends of records that the oracle gives, and the options."""

from bisect import bisect_right

WELL_LOOKED_AT = 200  # bytes of an input, so short that the oracle may look at each chunk as well
SIZES_SHOWN = 4096  # the driver takes no more records of a chunk one at a time


def records_of_chunk(case, taken, start, block):
    """How many of the records from number `taken` on, which begins at `start`, are a chunk."""
    ends = case.expected.ends
    if case.records:
        return min(case.records, len(ends) - taken)
    count = bisect_right(ends, start + block, taken) - taken
    if case.expected.longer and taken + count == len(ends) and ends[-1] - start == block:
        count -= 1  # its end would not have had room
    return max(1, count)


def plan_of(case):
    """(offset, length, records) of each chunk, where none is taken early and the block is the same."""
    plan, taken, at = [], 0, 0
    while taken < len(case.expected.ends):
        count = records_of_chunk(case, taken, at, case.blocks[0])
        end = case.expected.ends[taken + count - 1]
        plan.append((at, end - at, count))
        taken, at = taken + count, end
    return plan


def check_isolation(case, chunk, taken, count):
    """Isolation finds the same records in the chunk."""
    begin, end = chunk.offset, chunk.offset + chunk.length
    ends = case.expected.ends[taken : taken + count]
    if case.far_sighted or len(case.data) < WELL_LOOKED_AT:
        alone = [begin + stop for stop in case.oracle(case.data[begin:end]).ends]
        if alone != ends and not case.far_sighted:
            return f"alone it has records that end at {alone[:40]}: the oracle is wrong, or the format"
        ends = alone
    count = len(ends)
    starts = [begin, *ends]
    if chunk.counted != count:
        return f"records_count says {chunk.counted} of the chunk's {count} records"
    sizes = [end - start for start, end in zip(starts, ends)][:SIZES_SHOWN]
    if chunk.sizes != sizes:
        return f"records_size takes it apart in {chunk.sizes[:40]}, not {sizes[:40]}"
    some = [starts[min(n, count)] - begin for n in (0, 1, 2, count // 2, count - 1, count, count + 1, count)]
    if chunk.first != some:
        return f"records_size of 0, 1, 2, half, all but one, all, more, the most: {chunk.first}, not {some}"
    return None


def check_chunk(case, chunk, taken, at):
    """(records of the chunk, what is wrong with it)."""
    if taken == len(case.expected.ends):
        return 0, "there is nothing left to be a chunk"
    if chunk.offset != at or chunk.first_record != taken:
        return 0, f"it should begin at {at}, with record {taken}"
    count = records_of_chunk(case, taken, at, chunk.block)
    if chunk.early:
        known = len(case.expected.ends) - case.expected.open
        count = min(count, bisect_right(case.expected.ends, chunk.fed, taken, known) - taken)
        if case.looks_ahead and 0 < chunk.records < count:
            count = chunk.records
        if count == 0:
            return 0, f"no record is whole in {chunk.fed} bytes"
    length = case.expected.ends[taken + count - 1] - at
    if (chunk.length, chunk.records) != (length, count):
        return 0, f"it should have {length} bytes, {count} records"
    if chunk.other_bytes:
        return 0, "its bytes are not the input's"
    return count, check_isolation(case, chunk, taken, count)


def check_end(case, answer, taken, at):
    if taken != len(case.expected.ends):
        missing = len(case.expected.ends) - taken
        return f"ended by {answer.outcome!r} at byte {at}, record {taken}: {missing} records are missing"
    if case.expected.error is None:
        return None if answer.outcome == "ended" else f"it should end, not say {answer.outcome!r} at {answer.offset}"
    kinds, record, offset = case.expected.error
    if answer.outcome not in kinds:
        return f"it should say {' or '.join(sorted(kinds))}, not {answer.outcome!r}"
    if (answer.offset, answer.record) != (offset, record):
        return f"{answer.outcome} at {answer.offset}, record {answer.record}: it is record {record} at {offset}"
    if not answer.text.startswith(f"record {case.first_record + record + 1} at byte {case.offset + offset}"):
        return f"it says {answer.text!r} of the record {record} at {offset}"
    if answer.outcome == "broken" and case.expected.cut != ("is cut short: " in answer.text):
        return f"it says {answer.text!r} of what is {'' if case.expected.cut else 'not '}cut short"
    return None


def check(case, answer):
    """None, or what is wrong."""
    taken = at = 0
    for number, chunk in enumerate(answer.chunks):
        count, wrong = check_chunk(case, chunk, taken, at)
        if wrong:
            return f"chunk {number} (offset {chunk.offset}, {chunk.length} bytes, {chunk.records} records): {wrong}"
        taken += count
        at = case.expected.ends[taken - 1]
    return check_end(case, answer, taken, at)
