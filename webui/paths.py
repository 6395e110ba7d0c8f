"""Where things lie. People's own files live under the data folder; the shipped models beside the program."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from webui.messages import Fault

PROGRAM = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Paths:
    """``home`` holds models/, outputs/ and data/; it is the checkout itself unless --data-dir says otherwise."""

    home: Path = PROGRAM
    more: dict[str, tuple[Path, ...]] = field(default_factory=dict)  # further model folders by kind, from the flags
    styles_file: Path | None = None

    @property
    def outputs(self) -> Path:
        return self.home / "outputs"

    @property
    def staging(self) -> Path:
        """On the file system of ``outputs``, so that moving a picture there is one atomic step."""
        return self.outputs / ".staging"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def styles(self) -> Path:
        return self.styles_file or self.home / "styles.csv"

    @property
    def wildcards(self) -> Path:
        return self.home / "wildcards"

    def models(self, kind: str) -> tuple[Path, ...]:
        """The folders of a kind (``Stable-diffusion``, ``VAE``, …) that exist, the user's own first."""
        named = [*self.more.get(kind, ()), self.home / "models" / kind, PROGRAM / "models" / kind]
        if kind == "embeddings":
            named.append(self.home / kind)  # where sd-webui has them
        found = dict.fromkeys(folder for name in named if (folder := _any_case(name)) is not None)
        return tuple(found)


def _any_case(folder: Path) -> Path | None:
    """The folder by this name, or by the same name in other capitals (people bring folders of other programs)."""
    if folder.is_dir():
        return folder.resolve()
    if not folder.parent.is_dir():
        return None
    same = (other for other in folder.parent.iterdir() if other.name.lower() == folder.name.lower() and other.is_dir())
    return next((other.resolve() for other in same), None)


def safe_path(path: str | os.PathLike[str], roots: Iterable[Path], field: str | None = None) -> Path:
    """The real path, if it lies inside one of ``roots`` after links are followed; otherwise a Fault."""
    text = os.fspath(path)
    if "\0" not in text:
        real = Path(text).resolve()
        if any(real.is_relative_to(root.resolve()) for root in roots):
            return real
    raise Fault("path_outside", field=field)
