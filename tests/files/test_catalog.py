"""The catalog: what is offered, under which name, and how people may ask for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from webui.files.catalog import Catalog, scan
from webui.files.hashes import Hashes, sha256_of
from webui.messages import Fault
from webui.paths import Paths

LONG_AGO = 1e9


def put(path: Path, content: bytes = b"model", when: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (when, when))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "Stable-diffusion"


def look(home: Path, **more: tuple[Path, ...]) -> Catalog:
    return scan(Paths(home, more), Hashes(home / "hashes.json"))


def names(catalog: Catalog) -> list[str]:
    return [file.name for file in catalog.of("checkpoint") if not file.name.startswith("atelier-")]


def test_folders_inside_count_and_other_files_do_not(tmp_path: Path, folder: Path) -> None:
    put(folder / "b.safetensors")
    put(folder / "sub" / "A.SAFETENSORS")
    put(folder / "readme.txt")
    put(folder / ".hidden.safetensors")
    assert names(look(tmp_path)) == ["b.safetensors", "sub/A.SAFETENSORS"]


def test_a_folder_in_other_capitals_is_found(tmp_path: Path) -> None:
    put(tmp_path / "models" / "stable-diffusion" / "x.safetensors")
    assert names(look(tmp_path)) == ["x.safetensors"]


def test_a_file_still_being_copied_is_not_offered_yet(tmp_path: Path, folder: Path) -> None:
    put(folder / "x.safetensors", when=time.time())
    assert names(look(tmp_path)) == []
    put(folder / "x.safetensors", when=time.time() - 5)
    assert names(look(tmp_path)) == ["x.safetensors"]
    put(folder / "x.safetensors", when=time.time() + 86400)
    assert names(look(tmp_path)) == ["x.safetensors"]


def test_links_are_followed_and_loops_end(tmp_path: Path, folder: Path) -> None:
    real = put(tmp_path / "elsewhere" / "shared.safetensors")
    folder.mkdir(parents=True)
    (folder / "linked.safetensors").symlink_to(real)
    (folder / "more").symlink_to(real.parent)
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.safetensors").symlink_to(tmp_path / "gone")
    assert names(look(tmp_path)) == ["linked.safetensors", "more/shared.safetensors"]


def test_further_folders_come_first_and_a_name_is_listed_once(tmp_path: Path, folder: Path) -> None:
    put(folder / "same.safetensors", b"ours")
    other = put(tmp_path / "other" / "same.safetensors", b"theirs").parent
    catalog = look(tmp_path, **{"Stable-diffusion": (other,)})
    assert names(catalog) == ["same.safetensors"]
    assert catalog.find("checkpoint", "same", "f").path.read_bytes() == b"theirs"


def test_the_shipped_models_are_offered_with_any_data_folder(tmp_path: Path) -> None:
    shipped = {file.name for file in look(Paths().home).of("checkpoint")}
    assert shipped <= {file.name for file in look(tmp_path).of("checkpoint")}


def test_people_ask_by_title_name_stem_or_hash(tmp_path: Path, folder: Path) -> None:
    file = put(folder / "sub" / "My Model.safetensors")
    digest = sha256_of(file)
    hashes = Hashes(tmp_path / "hashes.json")
    stat = file.stat()
    hashes.of(file.resolve(), stat.st_size, stat.st_mtime_ns)
    catalog = scan(Paths(tmp_path), Hashes(tmp_path / "hashes.json"))  # another start reads the cache
    wishes = [
        f"sub/My Model.safetensors [{digest[:10]}]",
        "sub/My Model.safetensors",
        "My Model",
        "my model.SAFETENSORS",
        digest[:10],
        f"[{digest[:10]}]",
        "My Model.safetensors [0123456789]",
    ]
    for wish in wishes:
        assert catalog.find("checkpoint", wish, "f").path == file.resolve(), wish


def test_an_unknown_name_gets_the_nearest(tmp_path: Path, folder: Path) -> None:
    for name in ("dreamy", "dreamier", "photo", "zebra"):
        put(folder / f"{name}.safetensors")
    with pytest.raises(Fault) as fault:
        look(tmp_path).find("checkpoint", "dreamy.safetensor", "models.checkpoint")
    assert fault.value.message.params["nearest"][0] == "dreamy.safetensors"
    assert fault.value.message.field == "models.checkpoint"


def test_an_empty_folder_says_where_models_go(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="models/VAE"):
        Catalog().find("vae", "x", "models.vae")


def test_a_replaced_file_gets_a_new_hash(tmp_path: Path, folder: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.json")
    file = put(folder / "x.safetensors", b"one")
    first = hashes.of(file, 3, int(LONG_AGO * 1e9))
    put(file, b"two", when=LONG_AGO + 1)
    assert hashes.known(file, 3, int((LONG_AGO + 1) * 1e9)) is None
    assert hashes.of(file, 3, int((LONG_AGO + 1) * 1e9)) != first


def test_five_thousand_files_are_listed_in_a_second(tmp_path: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(5000):
        (folder / f"{number}.safetensors").touch()
        os.utime(folder / f"{number}.safetensors", (LONG_AGO, LONG_AGO))
    begin = time.process_time()
    assert len(names(look(tmp_path))) == 5000
    assert time.process_time() - begin < 1
