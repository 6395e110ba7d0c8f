"""The model files there are: an immutable snapshot of the folders, made with ``stat`` only."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from webui.files.hashes import Hashes
from webui.messages import Fault
from webui.paths import Paths

Kind = Literal["checkpoint", "vae", "embedding"]
FOLDERS: Mapping[Kind, str] = {"checkpoint": "Stable-diffusion", "vae": "VAE", "embedding": "embeddings"}
SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "checkpoint": (".safetensors",),
    "vae": (".safetensors",),
    "embedding": (".safetensors", ".pt", ".bin"),
}
SETTLED_SECONDS = 2.0  # a file changed more recently may still be being copied


@dataclass(frozen=True)
class ModelFile:
    """``name`` is the path below its folder, as sd-webui shows it; unique within its kind."""

    kind: Kind
    name: str
    path: Path
    size: int
    mtime_ns: int
    sha256: str | None = None

    @property
    def stem(self) -> str:
        """What the generation text calls the model."""
        return Path(self.name).stem

    @property
    def short_hash(self) -> str | None:
        return self.sha256[:10] if self.sha256 else None

    @property
    def title(self) -> str:
        return f"{self.name} [{self.short_hash}]" if self.sha256 else self.name


@dataclass(frozen=True)
class Catalog:
    files: Mapping[Kind, tuple[ModelFile, ...]] = field(default_factory=dict)

    def of(self, kind: Kind) -> tuple[ModelFile, ...]:
        return self.files.get(kind, ())

    def find(self, kind: Kind, wish: str, field: str) -> ModelFile:
        """By title, name, stem or hash, in this order, as sd-webui does; capitals matter last.

        Raises Fault ``unknown_model`` with the nearest names, or ``no_models`` when the folders are empty.
        """
        files = self.of(kind)
        if not files:
            raise Fault("no_models", field=field, folder=f"models/{FOLDERS[kind]}")
        for fold in (str, str.lower):
            for spell in (lambda f: f.title, lambda f: f.name, lambda f: f.stem, lambda f: Path(f.name).name):
                for file in files:
                    if fold(spell(file)) == fold(wish):
                        return file
        digest = wish.strip("[] ").lower()
        if len(digest) >= 8:
            for file in files:
                if file.sha256 and file.sha256.startswith(digest):
                    return file
        without_hash = wish.rsplit(" [", 1)[0]
        if without_hash != wish:
            return self.find(kind, without_hash, field)
        raise Fault("unknown_model", field=field, name=wish[:100], nearest=nearest(wish, [f.name for f in files]))


def nearest(wish: str, names: list[str]) -> list[str]:
    """The three most alike, or the first three when nothing is alike."""
    lower = {name.lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(wish[:100].lower(), list(lower), n=3, cutoff=0.3)
    return [lower[name] for name in close] or names[:3]


def scan(paths: Paths, hashes: Hashes) -> Catalog:
    """Walk every folder of every kind. Unreadable folders and files still being copied are left out."""
    return Catalog({kind: tuple(_scan_kind(kind, paths, hashes)) for kind in FOLDERS})


def _scan_kind(kind: Kind, paths: Paths, hashes: Hashes) -> Iterator[ModelFile]:
    names: set[str] = set()
    for root in paths.models(FOLDERS[kind]):
        for path in sorted(_walk(root, SUFFIXES[kind]), key=lambda p: str(p).lower()):
            try:
                stat = path.stat()
            except OSError:
                continue  # gone since the walk, or a dangling link
            # A file dated in the future (copied from another machine) is settled; age would be negative.
            if 0 <= time.time() - stat.st_mtime < SETTLED_SECONDS or not path.is_file():
                continue
            name = path.relative_to(root).as_posix()
            if name in names:
                continue  # the user's own folder, which comes first, wins over a shipped file of the same name
            names.add(name)
            known = hashes.known(path, stat.st_size, stat.st_mtime_ns)
            yield ModelFile(kind, name, path, stat.st_size, stat.st_mtime_ns, known)


def _walk(root: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files with a known suffix; linked folders are followed once each, so loops end."""
    seen: set[tuple[int, int]] = set()
    stack = [root]
    while stack:
        try:
            folder = stack.pop()
            stat = folder.stat()
            if (stat.st_dev, stat.st_ino) in seen:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.lower().endswith(suffixes) and not entry.is_dir():
                yield Path(entry.path)
            elif entry.is_dir():
                stack.append(Path(entry.path))
