# SPDX-License-Identifier: MIT
"""msgpack: None, bool, int, float, str, bytes, list, tuple (read as a list), dict. Nothing that runs code."""

from __future__ import annotations

import struct
from typing import Any, Union

_DEPTH_MOST = 200
_U8, _U16, _U32, _U64 = (struct.Struct(form) for form in (">BB", ">BH", ">BI", ">BQ"))
_I64, _F64 = struct.Struct(">Bq"), struct.Struct(">Bd")


def packb(value: Any) -> bytes:
    out = bytearray()
    _pack(out, value, 0)
    return bytes(out)


def _pack(out: bytearray, value: Any, depth: int) -> None:
    if depth > _DEPTH_MOST:
        raise ValueError(f"msgpack: nested deeper than {_DEPTH_MOST}")
    kind = type(value)
    if value is None:
        out.append(0xC0)
    elif kind is bool:
        out.append(0xC3 if value else 0xC2)
    elif kind is int:
        _pack_int(out, value)
    elif kind is float:
        out += _F64.pack(0xCB, value)
    elif kind is str:
        data = value.encode("utf-8", "surrogatepass")
        _pack_head(out, len(data), 0xA0, 32, 0xD9, 0xDA, 0xDB)
        out += data
    elif kind in (bytes, bytearray, memoryview):
        data = bytes(value)
        _pack_head(out, len(data), 0, 0, 0xC4, 0xC5, 0xC6)
        out += data
    elif kind in (list, tuple):
        _pack_head(out, len(value), 0x90, 16, None, 0xDC, 0xDD)
        for item in value:
            _pack(out, item, depth + 1)
    elif kind is dict:
        _pack_head(out, len(value), 0x80, 16, None, 0xDE, 0xDF)
        for key, item in value.items():
            _pack(out, key, depth + 1)
            _pack(out, item, depth + 1)
    else:
        raise TypeError(f"msgpack knows no {kind.__qualname__}: give None, numbers, text, bytes, lists, dicts, or use pickle")


def _pack_int(out: bytearray, value: int) -> None:
    if -32 <= value < 128:
        out.append(value & 0xFF)
    elif 0 <= value < 1 << 64:
        _pack_head(out, value, 0, 0, 0xCC, 0xCD, 0xCE, 0xCF)
    elif -1 << 63 <= value < 0:
        out += _I64.pack(0xD3, value)
    else:
        raise OverflowError("msgpack has no integers beyond 64 bits")


def _pack_head(out: bytearray, size: int, fix: int, below: int, one: Any, two: int, four: int, eight: Any = None) -> None:
    if size < below:
        out.append(fix | size)
    elif one is not None and size < 1 << 8:
        out += _U8.pack(one, size)
    elif size < 1 << 16:
        out += _U16.pack(two, size)
    elif size < 1 << 32:
        out += _U32.pack(four, size)
    elif eight is not None:
        out += _U64.pack(eight, size)
    else:
        raise ValueError("msgpack has nothing of 4 GiB")


class _Reader:
    def __init__(self, data: Union[bytes, memoryview]) -> None:
        self.data = memoryview(data)
        self.at = 0

    def bytes(self, size: int) -> memoryview:
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise ValueError("msgpack: cut short")
        self.at += size
        return part

    def number(self, form: str, size: int) -> Any:
        return struct.unpack(form, self.bytes(size))[0]


def unpackb(data: Union[bytes, memoryview]) -> Any:
    reader = _Reader(data)
    value = _unpack(reader, 0)
    if reader.at != len(reader.data):
        raise ValueError("msgpack: bytes behind the value")
    return value


_NUMBERS = {
    **{0xCC: (">B", 1), 0xCD: (">H", 2), 0xCE: (">I", 4), 0xCF: (">Q", 8), 0xD0: (">b", 1), 0xD1: (">h", 2)},
    **{0xD2: (">i", 4), 0xD3: (">q", 8), 0xCA: (">f", 4), 0xCB: (">d", 8)},
}
_SIZES = {
    **{0xD9: (">B", 1), 0xDA: (">H", 2), 0xDB: (">I", 4), 0xC4: (">B", 1), 0xC5: (">H", 2), 0xC6: (">I", 4)},
    **{0xDC: (">H", 2), 0xDD: (">I", 4), 0xDE: (">H", 2), 0xDF: (">I", 4)},
}


def _unpack(reader: _Reader, depth: int) -> Any:
    if depth > _DEPTH_MOST + 1:
        raise ValueError("msgpack: nested too deeply")
    kind = reader.bytes(1)[0]
    if kind < 0x80:
        return kind
    if kind >= 0xE0:
        return kind - 0x100
    if kind in _NUMBERS:
        return reader.number(*_NUMBERS[kind])
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind]
    if kind in _SIZES:
        size = reader.number(*_SIZES[kind])
    elif kind < 0xC0:
        size = kind & (0x1F if kind >= 0xA0 else 0x0F)
    else:
        raise ValueError(f"msgpack: a value of kind {kind:#x}")
    if kind in (0xC4, 0xC5, 0xC6):
        return bytes(reader.bytes(size))
    if 0xA0 <= kind < 0xC0 or kind in (0xD9, 0xDA, 0xDB):
        return str(reader.bytes(size), "utf-8", "surrogatepass")
    if 0x90 <= kind < 0xA0 or kind in (0xDC, 0xDD):
        return [_unpack(reader, depth + 1) for _ in range(size)]
    return {_key(_unpack(reader, depth + 1)): _unpack(reader, depth + 1) for _ in range(size)}


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
