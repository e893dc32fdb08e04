"""Metering contract tests: Arazzo workflows as pytest items, usage counted exactly once.

The names below are for annotations in conftest files and hooks; they are imported on demand, so
that a run of pytest without workflows does not pay for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_amberflo.control import ControlError, Received, ServerControl
    from pytest_amberflo.metering.window import MeteringWindow
    from pytest_amberflo.settings import Target
    from pytest_amberflo.verdict import Check, CheckOutcome, ItemResult, Verdict

__all__ = [
    "Check",
    "CheckOutcome",
    "ControlError",
    "ItemResult",
    "MeteringWindow",
    "Received",
    "ServerControl",
    "Target",
    "Verdict",
    "__version__",
]

#: Here and not in the metadata alone, which take 7 ms to open.
__version__ = "0.1.0"

_MODULES: Final = {
    "Check": "pytest_amberflo.verdict",
    "CheckOutcome": "pytest_amberflo.verdict",
    "ControlError": "pytest_amberflo.control",
    "ItemResult": "pytest_amberflo.verdict",
    "MeteringWindow": "pytest_amberflo.metering.window",
    "Received": "pytest_amberflo.control",
    "ServerControl": "pytest_amberflo.control",
    "Target": "pytest_amberflo.settings",
    "Verdict": "pytest_amberflo.verdict",
}


def __getattr__(name: str) -> Any:
    """The public name, imported now."""
    import importlib  # noqa: PLC0415  only where a name is asked for

    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
