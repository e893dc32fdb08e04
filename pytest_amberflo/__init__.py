"""Metering contract tests: Arazzo workflows as pytest items, usage counted exactly once."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  reads files

        return version("pytest-amberflo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
