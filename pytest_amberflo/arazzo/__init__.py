"""The Arazzo engine: documents read and checked, workflows run, without pytest or a transport.

Arazzo 1.0 and 1.1 over HTTP, as a library: `load_workflows` reads and lints a document,
`run_workflow` runs one of its workflows with a transport and clock of the caller. The names are
imported on demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.acceptance import InputsRefusedError
    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.errors import ArazzoError, DocumentError, Problem
    from pytest_amberflo.arazzo.events import Clock, Outcome, StepResult, WorkflowResult
    from pytest_amberflo.arazzo.library import (
        NoResponseError,
        Transport,
        lint_workflows,
        load_workflows,
        run_workflow,
    )
    from pytest_amberflo.arazzo.limits import Limits
    from pytest_amberflo.http.exchange import Request, Response

__all__ = [
    "ArazzoError",
    "BoundDocument",
    "Clock",
    "DocumentError",
    "InputsRefusedError",
    "Limits",
    "NoResponseError",
    "Outcome",
    "Problem",
    "Request",
    "Response",
    "StepResult",
    "Transport",
    "WorkflowResult",
    "lint_workflows",
    "load_workflows",
    "run_workflow",
]

_MODULES: Final = {
    "ArazzoError": "arazzo.errors",
    "BoundDocument": "arazzo.bound",
    "Clock": "arazzo.events",
    "DocumentError": "arazzo.errors",
    "InputsRefusedError": "arazzo.acceptance",
    "Limits": "arazzo.limits",
    "NoResponseError": "arazzo.library",
    "Outcome": "arazzo.events",
    "Problem": "arazzo.errors",
    "Request": "http.exchange",
    "Response": "http.exchange",
    "StepResult": "arazzo.events",
    "Transport": "arazzo.library",
    "WorkflowResult": "arazzo.events",
    "lint_workflows": "arazzo.library",
    "load_workflows": "arazzo.library",
    "run_workflow": "arazzo.library",
}


def __getattr__(name: str) -> Any:
    """The public name, imported now."""
    import importlib  # noqa: PLC0415  only where a name is asked for

    if name in _MODULES:
        return getattr(importlib.import_module(f"pytest_amberflo.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
