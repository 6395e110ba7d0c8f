"""What the program says to people: codes with parameters, rendered in the reader's language.

A fault travels as its code (through the worker's pipe, the database, the API) and becomes words only where a person
reads it. The words stand in ``locales/<language>/*.yaml``: ``code`` is the text, ``code.hint`` the cure.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

LANGUAGES = ("en", "zh-CN")
LOCALES = Path(__file__).parent / "locales"
LIMITS = frozenset({"ge", "gt", "le", "lt", "multiple_of", "max_length", "min_length", "expected"})  # pydantic's
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Message(BaseModel):
    """A code and what fills its blanks; ``field`` is the request's field it is about, if any."""

    model_config = ConfigDict(frozen=True)

    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    field: str | None = None

    def text(self, language: str = "en") -> str:
        return render(self.code, self.params, language)

    def hint(self, language: str = "en") -> str:
        return render(f"{self.code}.hint", self.params, language, optional=True)


class Fault(Exception):
    """Anything that goes wrong in a way a person can be told about."""

    status = 422  # what an HTTP client is answered

    def __init__(self, code: str, field: str | None = None, **params: Any) -> None:
        super().__init__(code)
        self.message = Message(code=code, params=params, field=field)

    def __str__(self) -> str:
        hint = self.message.hint()
        return self.message.text() + (f" {hint}" if hint else "")


class NotFound(Fault):
    status = 404


class TooMany(Fault):
    status = 429


def refusal(error: Mapping[str, Any], field: str, name: str) -> Fault:
    """The Fault for one of pydantic's errors, in our words, since pydantic's own may quote what was sent.

    ``field`` is what programs call the value, ``name`` what people do.
    """
    code = f"invalid.{error['type']}"
    limits = {key: _short(value) for key, value in error.get("ctx", {}).items() if key in LIMITS}
    return Fault(code if code in texts("en") else "invalid", field=field[:100], name=name[:100], **limits)


def _short(limit: Any) -> Any:
    """20 rather than 20.0."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


@functools.cache
def texts(language: str) -> Mapping[str, str]:
    """All words of a language, flat: ``{"code": "text", "code.hint": "cure"}``."""
    words: dict[str, str] = {}
    for file in sorted((LOCALES / language).glob("*.yaml")):
        words |= yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 (a safe loader)
    return words


def language_of(accepted: str | None) -> str:
    """The language we have that comes first in an ``Accept-Language`` header (or a locale name)."""
    for wish in (accepted or "").replace("_", "-").lower().split(","):
        if wish.strip().startswith("zh"):
            return "zh-CN"
        if wish.strip().startswith("en"):
            return "en"
    return "en"


class _Blanks(string.Formatter):
    """Lists are joined, numbers keep their form, and a missing blank stays visible instead of raising."""

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "{" + str(key) + "}")

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Iterable) and not isinstance(value, str):
            return ", ".join(str(item) for item in value)
        return super().format_field(value, format_spec)


def render(code: str, params: Mapping[str, Any], language: str, *, optional: bool = False) -> str:
    """The words for a code. An unknown code is a programming error and raises KeyError unless ``optional``."""
    words = texts(language)
    if optional and code not in words:
        return ""
    return _Blanks().vformat(words[code], (), params)
