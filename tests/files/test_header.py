"""Headers: what is whole is read, what is not is named, and nothing hangs or allocates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from webui.files.header import Tensor, read_header
from webui.messages import Fault


def write(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + data)
    return path


def entry(shape: list[object], offsets: list[int], dtype: str = "F32") -> bytes:
    return json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"a": numpy.zeros((2, 3), "float16"), "b": numpy.zeros(5, "int64")}, file, metadata={"k": "v"})
    header = read_header(file)
    assert header.tensors == {"a": Tensor("F16", (2, 3)), "b": Tensor("I64", (5,))}
    assert header.metadata == {"k": "v"}


HOSTILE = {
    "empty": (b"", "file_damaged"),
    "7 bytes": (b"1234567", "file_damaged"),
    "length 2^62": ((1 << 62).to_bytes(8, "little") + b"{}", "file_damaged"),
    "length 1 GB": ((1 << 30).to_bytes(8, "little") + b"{}", "file_damaged"),
    "length 99 MB": ((99_000_000).to_bytes(8, "little") + b"{}", "file_damaged"),
    "zip": (b"PK\x03\x04" + b"x" * 40, "file_pickle"),
    "pickle": (b"\x80\x02}q\x00." + b"x" * 40, "file_pickle"),
    "not JSON": ((5).to_bytes(8, "little") + b"hello", "file_not_safetensors"),
    "a list": ((2).to_bytes(8, "little") + b"[]", "file_not_safetensors"),
    "deep": ((200_000).to_bytes(8, "little") + b"[" * 200_000, "file_not_safetensors"),
}


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(Fault) as fault:
        read_header(file)
    assert fault.value.message.code == code
    assert str(tmp_path) not in str(fault.value)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (entry([2], [0, 4]), 4),
        (entry([1], [4, 8]), 8),
        (entry([1], [0, 4]), 8),
        (entry([-1], [0, 4]), 4),
        (entry([1], [-4, 0]), 4),
        (entry([4_000_000_000, 4_000_000_000], [0, 4]), 4),
        (entry([1], [0, 4], "F99"), 4),
        (entry(["1"], [0, 4]), 4),
    ],
    ids=["size", "hole", "trailing", "negative shape", "negative offset", "huge", "type", "text"],
)
def test_tensors_that_do_not_fit_their_place_are_refused(tmp_path: Path, header: bytes, data: int) -> None:
    with pytest.raises(Fault) as fault:
        read_header(write(tmp_path / "x.safetensors", header, bytes(data)))
    assert fault.value.message.code == "file_not_safetensors"


def test_a_cut_off_file_says_how_much_is_there(tmp_path: Path) -> None:
    with pytest.raises(Fault) as fault:
        read_header(write(tmp_path / "x.safetensors", entry([25], [0, 100]), bytes(40)))
    message = fault.value.message
    assert (message.code, message.params["size"], message.params["wanted"]) == ("file_damaged", 40, 100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_end_in_a_header_or_a_fault(tmp_path: Path, content: bytes, framed: bool) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(content).to_bytes(8, "little") + content if framed else content)
    try:
        read_header(file)
    except Fault as fault:
        assert str(fault)
