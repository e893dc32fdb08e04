"""A conformance suite for metering endpoints: `pytest --pyargs pytest_amberflo.probes`.

Each `probe_*.py` file is a chapter, each probe in it one promise: its docstring. All probes plant
their events first, then one settle time serves all, then all are read and judged.
"""
