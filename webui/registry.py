"""Things that are found, not registered: one file in a package declares one sampler, scheduler, family, …

A file belongs to the program by lying in its package: ``discover`` imports every module of the package and collects the
instances of a kind that it declares at module level. The server discovers too, so such files import heavy libraries
only inside functions.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What every kind has. ``label``, ``aliases`` and ``order`` are used where a kind has them."""

    @property
    def name(self) -> str: ...


K = TypeVar("K", bound=Named)


class UnknownName(LookupError):
    """No ``what`` is called ``name``; ``nearest`` are up to three that are, the likeliest first."""

    def __init__(self, what: str, name: str, nearest: list[str]) -> None:
        super().__init__(f"no {what} is called {name!r}; nearest: {', '.join(nearest) or 'there are none'}")
        self.what = what
        self.name = name
        self.nearest = nearest


def discover(package: str, kind: type[K]) -> Mapping[str, K]:
    """Every ``kind`` declared in the modules of ``package``, by name, in the order people know.

    ``order`` first (a kind without it comes last), then name. Two that answer to the same word are a ValueError.
    """
    return _discover(package, kind)


def find(kinds: Mapping[str, K], name: str, what: str = "name") -> K:
    """The kind of that name; else the one whose name, label or alias it is in any case; else raise UnknownName."""
    if name in kinds:
        return kinds[name]
    known = {word.casefold(): found for found in kinds.values() for word in _words(found)}
    wanted = name.strip().casefold()
    if wanted in known:
        return known[wanted]
    by_likeness = (known[word] for word in difflib.get_close_matches(wanted, known, n=len(known) or 1, cutoff=0.0))
    nearest = list(dict.fromkeys(getattr(found, "label", found.name) for found in by_likeness))
    raise UnknownName(what, name, nearest[:3])


@functools.cache
def _discover(package: str, kind: type[Any]) -> Mapping[str, Any]:
    found = sorted(_declared(package, kind), key=lambda each: (getattr(each, "order", float("inf")), each.name))
    taken: dict[str, Named] = {}
    for each in found:
        for word in _words(each):
            other = taken.setdefault(word.casefold(), each)
            if other is not each:
                raise ValueError(f"{package}: {each.name!r} and {other.name!r} both answer to {word!r}")
    return MappingProxyType({each.name: each for each in found})


def _declared(package: str, kind: type[Any]) -> list[Any]:
    """Instances of ``kind`` in the package's modules, each once however many modules import it."""
    path = importlib.import_module(package).__path__
    modules = (importlib.import_module(f"{package}.{module.name}") for module in pkgutil.iter_modules(path))
    values = (each for module in modules for each in vars(module).values())
    return list({id(each): each for each in values if isinstance(each, kind)}.values())


def _words(found: Named) -> Iterator[str]:
    """All that a kind answers to: its name, its label and its aliases."""
    yield found.name
    yield getattr(found, "label", found.name)
    yield from getattr(found, "aliases", ())
