"""The header of a .safetensors file: 8 bytes of length, then JSON. Read without loading a tensor.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.messages import Fault

MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors library
ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
UNSAFE_STARTS = {b"PK\x03\x04": "zip", b"\x80": "pickle"}  # what torch.save writes, whatever the file is called


@dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def shape(self, key: str) -> tuple[int, ...] | None:
        tensor = self.tensors.get(key)
        return tensor.shape if tensor else None


def read_header(path: Path) -> Header:
    """Raises Fault ``file_…`` naming what is wrong with the file; never reads beyond the header."""
    name = path.name
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            for magic, kind in UNSAFE_STARTS.items():
                # 0x80 also starts a header of 128 bytes; only a pickle goes on with its protocol number
                if start.startswith(magic) and (kind == "zip" or start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
                    raise Fault("file_pickle", name=name)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > MAX_HEADER or 8 + length > size:
                raise Fault("file_damaged", name=name, size=size, wanted=8 + length if len(start) == 8 else 8)
            text = file.read(length)
    except OSError as error:
        raise Fault("file_unreadable", name=name, reason=error.strerror or type(error).__name__) from error
    return _parse(text, data_bytes=size - 8 - length, name=name)


def _parse(text: bytes, data_bytes: int, name: str) -> Header:
    try:
        entries = json.loads(text)
        metadata = entries.pop("__metadata__", {})
        tensors, ends = {}, []
        for key, entry in entries.items():
            tensors[key] = _tensor(entry)
            ends.append(tuple(entry["data_offsets"]))
        metadata = {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Fault("file_not_safetensors", name=name) from error
    reached = 0
    for begin, end in sorted(ends):
        if begin != reached:
            raise Fault("file_not_safetensors", name=name)
        reached = end
    if reached > data_bytes:
        raise Fault("file_damaged", name=name, size=data_bytes, wanted=reached)
    if reached < data_bytes:
        raise Fault("file_not_safetensors", name=name)
    return Header(tensors, metadata)


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    """Raises ValueError unless shape, type and place agree."""
    shape = tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    if not all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end)):
        raise ValueError
    if math.prod(shape) * ITEM_BYTES[entry["dtype"]] != end - begin:
        raise ValueError
    return Tensor(entry["dtype"], shape)
