"""Paths as reports show them."""

from __future__ import annotations

import os
from functools import lru_cache


def shorten_path(path: str, root: str) -> str:
    """The path relative to a folder; as it is where there is no such way, as to another drive."""
    folder, separator, name = path.rpartition(os.sep)
    try:
        return _shorten_folder(folder + separator, root) + name
    except ValueError:
        return path


@lru_cache(maxsize=128)
def _shorten_folder(folder: str, root: str) -> str:
    """What stands before the names of files in a folder; a suite has many files in few folders."""
    shown = os.path.relpath(folder, root) if folder else os.path.relpath(os.curdir, root)
    return "" if shown == os.curdir else shown.rstrip(os.sep) + os.sep
