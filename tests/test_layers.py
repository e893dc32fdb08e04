"""The walls of the house: which package may import what."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_amberflo

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(pytest_amberflo.__file__).parent
_MODULES = sorted(path.relative_to(_PACKAGE) for path in _PACKAGE.rglob("*.py"))
_ROOM = "pytest_amberflo."

#: First part of a module's path to the prefixes that it must not import.
_FORBIDDEN = {
    "arazzo": (
        "pytest",
        "httpx",
        "httpcore",
        "openapi_core",
        f"{_ROOM}metering",
        f"{_ROOM}server",
    ),
    "metering": (
        "pytest",
        "httpx",
        "httpcore",
        f"{_ROOM}arazzo",
        f"{_ROOM}server",
        f"{_ROOM}http",
    ),
    "openapi": ("pytest", "httpx", "httpcore"),
    "http": ("pytest", "openapi_core"),
    "emitter": ("pytest", "httpx", "httpcore"),
    "server": ("pytest", f"{_ROOM}metering", "httpx"),
}
#: Libraries with a room of their own.
_ONLY_IN = {
    "h11": r"http/(client|dialogue)\.py",
    "httpcore": r"http/(client|transport)\.py",
    "httpx": r"http/(client|transport)\.py",
    "openapi_core": r"openapi/contract\.py",
    "yaml": r"arazzo/(tree|plain_yaml)\.py",
}
#: Rooms and modules above the engine that the lower rooms must not know.
_LOWER = ("arazzo", "metering", "openapi", "http", "server")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _belongs(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize("module", _MODULES, ids=str)
def test_a_room_imports_only_what_it_may(module: Path) -> None:
    """No module imports from a layer that it must not know, not even lazily or for types."""
    names = set(_imports(_PACKAGE / module))
    forbidden = ("_pytest", *_FORBIDDEN.get(module.parts[0], ()))
    broken = {name for name in names for prefix in forbidden if _belongs(name, prefix)}
    if module.parts[0] in _LOWER:
        broken |= {name for name in names if _is_above(name)}
    for library, rooms in _ONLY_IN.items():
        if not re.fullmatch(rooms, module.as_posix()):
            broken |= {name for name in names if _belongs(name, library)}
    assert broken == set()


def _is_above(name: str) -> bool:
    """Whether a name is of a module beside the lower rooms, `naming` excepted."""
    if not name.startswith(_ROOM):
        return False
    first = name.removeprefix(_ROOM).split(".")[0]
    return first not in (*_LOWER, "naming", "__version__")


def test_only_one_module_reads_the_environment() -> None:
    """Settings come from `options`; the server run by hand is a program of its own."""
    readers = {
        module.as_posix()
        for module in _MODULES
        if re.search(r"os\.(environ|getenv)", (_PACKAGE / module).read_text(encoding="utf-8"))
    }
    assert readers <= {"options.py", "option_table.py", "server/command.py"}


def test_files_are_small() -> None:
    """A module is read in one go."""
    lengths = {
        module.as_posix(): len((_PACKAGE / module).read_text(encoding="utf-8").splitlines())
        for module in _MODULES
    }
    assert {name: lines for name, lines in lengths.items() if lines > 360} == {}
