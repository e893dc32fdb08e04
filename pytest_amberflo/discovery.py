"""Which files are workflow documents, told by name and a cheap look; nothing here is costly."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_amberflo.option_table import FILE_NAMES, SETTINGS

if TYPE_CHECKING:
    import pytest

#: Where the probes are.
PROBES: Final = Path(__file__).parent / "probes"
#: Below a folder of this name, any YAML or JSON file may be a workflow document.
FOLDER: Final = "workflows"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_LOOKED_AT: Final = 4 * 1024 * 1024
_IN_YAML: Final = re.compile(rb"""^["']?arazzo["']?[ \t]*:""", re.MULTILINE)
_IN_JSON: Final = re.compile(rb'"arazzo"\s*:')


def choose_collector(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The node of a file that is ours; with a ledger to verify, of that and no other."""
    settings = parent.config.stash.get(SETTINGS, None)
    verify = settings.verify if settings is not None else None
    if verify is not None:
        from pytest_amberflo.verify import LedgerFile  # noqa: PLC0415  only with a ledger

        return LedgerFile.from_parent(parent, path=path) if path.samefile(verify) else None
    if is_probe_file(path):
        from pytest_amberflo.probes.nodes import ProbeFile  # noqa: PLC0415  only for probes
        from pytest_amberflo.registration import register_parts  # noqa: PLC0415

        register_parts(parent.config)
        return ProbeFile.from_parent(parent, path=path)
    names = settings.file_names if settings is not None else FILE_NAMES
    is_certain = has_workflow_name(path, names)
    if not is_certain and not may_be_workflow(path, is_named=parent.session.isinitpath(path)):
        return None
    from pytest_amberflo.finder import load_plainly  # noqa: PLC0415  only for workflows

    load_plainly(parent.config)
    from pytest_amberflo.garbage import pause_garbage  # noqa: PLC0415

    # Before the imports, too: looking for garbage among them takes a tenth of a small run.
    pause_garbage(parent.config)
    from pytest_amberflo.nodes import ArazzoFile  # noqa: PLC0415

    return ArazzoFile.from_parent(parent, path=path, is_certain=is_certain)


def is_probe_file(path: Path) -> bool:
    """Whether a file is one of this package's probes."""
    if path.suffix != ".py" or not path.name.startswith("probe_"):
        return False
    return path.parent == PROBES or path.parent.resolve() == PROBES.resolve()


def has_workflow_name(path: Path, patterns: tuple[str, ...]) -> bool:
    """Whether a file's name says that it is a workflow document.

    A pattern with folders in it is compared with the end of the path.
    """
    return any(
        path.match(pattern) if "/" in pattern else fnmatch.fnmatchcase(path.name, pattern)
        for pattern in patterns
    )


def may_be_workflow(path: Path, *, is_named: bool) -> bool:
    """Whether a file of any other name is to be looked at: by suffix, folder and `arazzo` key.

    `is_named`: it was named on the command line, so its folder does not matter.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return False
    return (is_named or FOLDER in path.parts) and _has_key(path)


def _has_key(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            text = file.read(_LOOKED_AT)
    except OSError:
        return False
    text = text.removeprefix(b"\xef\xbb\xbf")
    pattern = _IN_JSON if text.lstrip().startswith(b"{") else _IN_YAML
    return pattern.search(text) is not None
