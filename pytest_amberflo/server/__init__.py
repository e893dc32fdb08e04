"""The embedded Amberflo: a metering server on loopback over one SQLite file.

Python starts it with `pytest_amberflo.server.live.EmbeddedServer`, any other language with
`python -m pytest_amberflo.server`. This module imports nothing, so that asking for the server
costs nothing until it is used.
"""
