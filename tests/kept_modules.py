"""Modules that runs of pytest within tests find here already.

pytester drops what its runs import. What was imported before, a run need not import again, and
httpx knows only the errors of the httpcore that it was first used with.
"""

from __future__ import annotations

from contextlib import suppress

import httpcore  # noqa: F401

import pytest_amberflo.collection
import pytest_amberflo.desk
import pytest_amberflo.digest
import pytest_amberflo.failure
import pytest_amberflo.gathering
import pytest_amberflo.openapi.contract
import pytest_amberflo.server.live
import pytest_amberflo.server.serving

with suppress(ImportError):
    # The library for certificates cannot be imported twice.
    import pytest_amberflo.server.certificate  # noqa: F401
