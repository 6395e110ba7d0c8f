from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from webui.infotext import ImageText, decode_picture, open_picture, read_image
from webui.infotext.chunks import MAX_TEXT, SIGNATURE
from webui.infotext.comment import decode, exif_with
from webui.messages import Fault

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
TEXT = "a 雪 cat, é 😀\nNegative prompt: b\nSteps: 20, Sampler: Euler a, Seed: 1"


def made(kind: str, size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **options)
    return file.getvalue()


def exif(ifd: dict[int, Any], root: dict[int, Any] | None = None) -> bytes:
    block = Image.Exif()
    block.update(root or {})
    block.get_ifd(ExifTags.IFD.Exif).update(ifd)
    return block.tobytes()


def texts(*pairs: tuple[str, str]) -> PngInfo:
    info = PngInfo()
    for key, text in pairs:
        info.add_text(key, text)
    return info


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(*chunks: bytes) -> bytes:
    """A PNG with them before its picture."""
    picture = made("PNG")
    return picture[:33] + b"".join(chunks) + picture[33:]


def refused(picture: bytes) -> str:
    with pytest.raises(Fault) as caught:
        read_image(picture)
    assert str(caught.value)  # has words
    return caught.value.message.code


# --- where texts are


@pytest.mark.parametrize("text", [TEXT, "plain ASCII", "tab\tand é", "a\n\nb\n"])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_the_text_of_other_formats_is_in_their_user_comment(kind: str, text: str) -> None:
    found = read_image(made(kind, exif=exif_with(text)))
    assert found == ImageText(text, "UserComment", {}, 24, 16, kind)


@pytest.mark.parametrize("text", [TEXT, "plain ASCII", "tab\tand é"])
def test_the_text_of_a_png_is_a_chunk_and_other_chunks_are_items(text: str) -> None:
    found = read_image(made("PNG", pnginfo=texts(("parameters", text), ("postprocessing", "雪"), ("Software", "x"))))
    assert found == ImageText(text, "parameters", {"postprocessing": "雪", "Software": "x"}, 24, 16, "PNG")


def test_chunks_are_read_wherever_they_are_and_however_packed() -> None:
    packed = PngInfo()
    packed.add_text("parameters", "zipped", zip=True)
    packed.add_itxt("prompt", "雪 zipped", zip=True)
    found = read_image(made("PNG", pnginfo=packed))
    assert (found.text, found.items) == ("zipped", {"prompt": "雪 zipped"})
    picture = made("PNG")
    assert read_image(picture[:-12] + chunk(b"tEXt", b"parameters\0late") + picture[-12:]).text == "late"


def test_a_gif_has_its_text_in_a_comment() -> None:
    assert read_image(made("GIF", comment=TEXT.encode())) == ImageText(TEXT, "comment", {}, 24, 16, "GIF")


def test_a_picture_without_a_text_has_none() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "AVIF", "GIF"):
        assert read_image(made(kind)) == ImageText("", "", {}, 24, 16, kind)


def test_a_jpeg_s_comment_is_second_to_its_exif() -> None:
    assert read_image(made("JPEG", comment="remark")).text == "remark"
    found = read_image(made("JPEG", comment="remark", exif=exif_with("text")))
    assert (found.text, found.items) == ("text", {"comment": "remark"})


def test_a_png_may_have_its_text_in_exif_too() -> None:
    assert read_image(made("PNG", exif=exif_with(TEXT))).text == TEXT
    both = read_image(made("PNG", exif=exif_with("exif"), pnginfo=texts(("parameters", "chunk"))))
    assert (both.text, both.items) == ("chunk", {"UserComment": "exif"})


@pytest.mark.parametrize("tag", [ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.ImageDescription])
def test_graphs_of_comfyui_are_items_under_their_own_names(tag: int) -> None:
    found = read_image(made("WEBP", exif=exif({}, {tag: 'Prompt: {"1": {}}', ExifTags.Base.Software: "cam"})))
    assert found.items == {"prompt": '{"1": {}}', "Software": "cam"}


def test_texts_of_other_programs_are_items() -> None:
    pairs = [("Software", "NovelAI"), ("Comment", '{"steps": 28}'), ("invokeai_metadata", "{}"), ("Dream", "a -s 1")]
    found = read_image(made("PNG", pnginfo=texts(*pairs)))
    assert (found.text, found.items) == ("", dict(pairs))


def test_the_orientation_is_nobody_s_text() -> None:
    assert read_image(made("JPEG", exif=exif({}, {ExifTags.Base.Orientation: 6}))).items == {}


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (b"UNICODE\0" + TEXT.encode("utf-16-be"), TEXT),  # what sd-webui writes
        (b"UNICODE\0" + TEXT.encode("utf-16-le"), TEXT),  # Exif leaves the order open
        (b"UNICODE\0" + TEXT.encode("utf-16"), TEXT),  # with a mark
        (b"UNICODE\0" + "雪".encode("utf-16-be"), "雪"),
        (b"UNICODE\0", ""),
        (b"UNICODE\0a", "\ufffd"),
        (b"ASCII\0\0\0" + b"Steps: 1\0\0", "Steps: 1"),
        (b"ASCII\0\0\0" + TEXT.encode(), TEXT),
        (bytes(8) + b"Steps: 1", "Steps: 1"),
        (b"JIS\0\0\0\0\0" + "雪".encode("shift_jis"), "雪"),
        (TEXT.encode(), TEXT),
        (b"caf\xe9 Steps: 1", "café Steps: 1"),
        (b"", ""),
    ],
)
def test_user_comments_as_they_are_found(comment: bytes, text: str) -> None:
    assert decode(comment) == text
    if text:
        assert read_image(made("JPEG", exif=exif({ExifTags.Base.UserComment: comment}))).text == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=50).filter(lambda text: not text.endswith("\0")))
def test_every_text_comes_back_from_exif(text: str) -> None:
    """With a generation text's Latin letters around it, by which the byte order is told."""
    whole = f"Steps: 20, Sampler: {text}, Seed: 1234567890, Size: 512x512, Model: abcdefghijklmnopqrstuvwxyz {text} end"
    assert read_image(made("WEBP", exif=exif_with(whole))).text == whole


# --- what hostile files cause


@pytest.mark.parametrize(
    "picture",
    [
        b"", b"\0", SIGNATURE, SIGNATURE + bytes(30), b"<html><body>not a picture</body></html>", b"\xff\xd8\xff",
        b"RIFF\x04\0\0\0WEBP", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0", b"%PDF-1.4", b"<svg/>", b"8BPS" + bytes(30),
        made("BMP"), made("TIFF"), bytes(range(256)) * 8, made("AVIF")[:60],
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_words(picture: bytes) -> None:
    """I01, I07."""
    assert refused(picture) == "image_unreadable"


@pytest.mark.parametrize(("width", "height"), [(12_000, 12_000), (20_000, 20_000), (2**31, 2**31)])
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    """I02."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    picture = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    assert refused(picture) == "image_too_large"
    with pytest.raises(Fault):
        open_picture(picture)


def test_bombs_of_other_formats_are_refused_by_their_headers() -> None:
    assert refused(made("GIF")[:6] + struct.pack("<HH", 20_000, 20_000) + made("GIF")[10:]) == "image_too_large"
    jpeg = bytearray(made("JPEG"))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 20_000, 20_000)
    assert refused(bytes(jpeg)) == "image_too_large"


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_packed_bomb_is_left_out_and_said(kind: bytes) -> None:
    """I03: 64 MB in 64 kB."""
    packed = zlib.compress(bytes(64 * 2**20))
    content = b"workflow\0" + (b"\0" if kind == b"zTXt" else b"\x01\0\0\0") + packed
    found = read_image(with_chunks(chunk(kind, content), chunk(b"tEXt", b"parameters\0there")))
    assert (found.text, found.items) == ("there", {})
    assert [(note.code, note.params) for note in found.notes] == [("image_text_left_out", {"key": "workflow"})]


def test_long_and_many_texts_are_read_up_to_a_limit() -> None:
    """I03, I10: graphs of 5 MB are real."""
    graph = b'{"a": "' + b"x" * (5 * 2**20) + b'"}'
    found = read_image(
        with_chunks(chunk(b"tEXt", b"prompt\0" + graph), chunk(b"tEXt", b"more\0" + bytes(MAX_TEXT + 1)))
    )
    assert found.items == {"prompt": graph.decode()}
    assert [note.params["key"] for note in found.notes] == ["more"]
    many = with_chunks(*(chunk(b"tEXt", b"key %d\0x" % number) for number in range(20_000)))
    assert 9_000 < len(read_image(many).items) <= 10_000


def test_a_broken_packed_text_is_left_out_and_said() -> None:
    found = read_image(
        with_chunks(chunk(b"zTXt", b"a\0\0junk"), chunk(b"iTXt", b"b\0\x01\0\0\0junk"), chunk(b"zTXt", b""))
    )
    assert found.items == {}
    assert [note.params["key"] for note in found.notes] == ["a", "b", ""]


@pytest.mark.parametrize("length", [0.3, 0.5, 0.9])
def test_what_comes_before_a_cut_is_read(length: float) -> None:
    noise = Image.effect_noise((64, 64), 50)
    file = io.BytesIO()
    noise.save(file, "PNG", pnginfo=texts(("parameters", TEXT)))
    cut = file.getvalue()[: int(len(file.getvalue()) * length)]
    assert read_image(cut).text == TEXT
    with pytest.raises(Fault):
        decode_picture(cut)


def test_a_broken_exif_block_is_no_reason_to_refuse_a_picture() -> None:
    for block in (b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0junk", exif_with(TEXT)[:30]):
        assert read_image(made("JPEG", exif=block)).text == ""


def changed(picture: bytes, places: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(picture)
    for place, value in places:
        damaged[place % len(damaged)] = value
    return bytes(damaged)


PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: made("PNG", pnginfo=texts(("parameters", TEXT))),
    "JPEG": lambda: made("JPEG", exif=exif_with(TEXT)),
    "WEBP": lambda: made("WEBP", exif=exif_with(TEXT)),
    "GIF": lambda: made("GIF", comment=TEXT.encode()),
}


@pytest.mark.parametrize("kind", PICTURES)
@settings(max_examples=100, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12))
def test_damaged_pictures_are_read_or_refused(kind: str, places: list[tuple[int, int]]) -> None:
    try:
        read_image(changed(PICTURES[kind](), places))
    except Fault as fault:
        assert fault.message.code in ("image_unreadable", "image_too_large")  # noqa: PT017 (either is right)


def test_files_are_read_from_where_they_lie(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(made("PNG", pnginfo=texts(("parameters", TEXT))))
    assert read_image(file).text == TEXT
    with pytest.raises(Fault) as caught:
        read_image(tmp_path / "none.png")
    assert caught.value.message.code == "file_unreadable"
    with file.open("wb") as huge:
        huge.truncate(200 * 2**20)
    with pytest.raises(Fault) as caught:
        read_image(file)
    assert caught.value.message.code == "image_file_too_large"


def test_time_goes_up_with_the_size_of_the_file_only() -> None:
    """Texts are not decoded over and over: ten times the chunks take about ten times as long."""

    def seconds(count: int) -> float:
        picture = with_chunks(
            *(chunk(b"iTXt", b"key %d\0\0\0\0\0%s" % (number, b"x" * 200)) for number in range(count))
        )
        best = float("inf")
        for _ in range(5):
            start = time.process_time()
            read_image(picture)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(8_000) < 16 * seconds(1_000) + 0.002
