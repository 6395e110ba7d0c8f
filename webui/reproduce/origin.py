"""Which program wrote a generation text, and how old it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

OURS = "atelier-"
VERSION = re.compile(r"v(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-(\d{1,9})(?=-|$))?")

Release = tuple[int, int, int, int]


@dataclass(frozen=True)
class Origin:
    """``release``: sd-webui's (major, minor, patch, commits since), None where the text does not tell."""

    ours: bool = False
    release: Release | None = None

    def before(self, *release: int) -> bool:
        """Whether it is known to be older. A text that names no version is taken as today's, as sd-webui does."""
        return self.release is not None and self.release < (*release, *(0,) * (4 - len(release)))


def origin_of(fields: Mapping[str, str]) -> Origin:
    """By ``Version``: v1.10.1, v1.10.1-93-gfd68e0c3, or ours."""
    version = fields.get("Version", "")
    if version.startswith(OURS):
        return Origin(ours=True)
    match = VERSION.match(version)
    return Origin(release=_numbers(match)) if match else Origin()


def _numbers(match: re.Match[str]) -> Release:
    major, minor, patch, commits = (int(number or 0) for number in match.groups())
    return major, minor, patch, commits
