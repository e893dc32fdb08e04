"""`python -m pytest_amberflo.server`: see `pytest_amberflo.server.command`."""

from __future__ import annotations

import sys

from pytest_amberflo.server.command import main

if __name__ == "__main__":
    sys.exit(main())
