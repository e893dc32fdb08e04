"""Makes pytester available to the tests."""

import os
import sys

pytest_plugins = "pytester"

# Hundreds of processes and workers start below these tests. Without bytecode each of them compiles
# everything anew, which takes longer than the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
