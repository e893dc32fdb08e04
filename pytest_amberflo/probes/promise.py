"""Probes: generators, each with the sentence that it holds an endpoint to."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.moves import Move

    #: What a probe is made of: it yields moves and is given back what came of each.
    Script: TypeAlias = Generator[Move, Any, None]
    ProbeFunction: TypeAlias = Callable[[Field], Script]

FOLDER: Final = Path(__file__).parent
_MARK: Final = "__amberflo_probe__"
_MODEL: Final = "model"


class Probe(Struct, frozen=True, kw_only=True):
    """One promise and how it is tried."""

    #: The file without its ending, `probe_time`, and the function's name.
    chapter: str
    name: str
    #: One sentence.
    promise: str
    function: ProbeFunction
    #: The 0-based line in its file.
    line: int
    #: Whether it explores by itself instead of planting with all others.
    is_model: bool = False

    @property
    def key(self) -> str:
        """What tells it apart from all others."""
        return f"{self.chapter}::{self.name}"


def probe(function: ProbeFunction) -> ProbeFunction:
    """Make a generator function a probe; its docstring is the promise."""
    setattr(function, _MARK, True)
    return function


def model(function: ProbeFunction) -> ProbeFunction:
    """Make a generator function a probe that is played many times, with random arguments."""
    setattr(function, _MARK, _MODEL)
    return function


def list_probes(module: ModuleType) -> tuple[Probe, ...]:
    """The probes of a module, in its order."""
    chapter = module.__name__.rpartition(".")[2]
    found = [
        Probe(
            chapter=chapter,
            name=name,
            promise=" ".join((inspect.getdoc(member) or name).split()),
            function=member,
            line=member.__code__.co_firstlineno - 1,
            is_model=getattr(member, _MARK) == _MODEL,
        )
        for name, member in vars(module).items()
        if getattr(member, _MARK, False) and member.__module__ == module.__name__
    ]
    return tuple(sorted(found, key=lambda one: one.line))


def list_chapters() -> tuple[str, ...]:
    """The names of all files of probes, without their ending."""
    return tuple(sorted(path.stem for path in FOLDER.glob("probe_*.py")))


def list_all() -> tuple[Probe, ...]:
    """Every probe."""
    import importlib  # noqa: PLC0415  collection imports one file at a time

    modules = [importlib.import_module(f"{__package__}.{name}") for name in list_chapters()]
    return tuple(one for module in modules for one in list_probes(module))
