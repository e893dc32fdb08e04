"""Types of what the fixtures of plugin tests give."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

#: Runs pytest with arguments in the test's folder.
Run: TypeAlias = Callable[..., pytest.RunResult]
#: Writes a file of a name and a text below the test's folder.
Write: TypeAlias = Callable[[str, str], None]
