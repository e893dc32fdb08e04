"""The options and ini values of the plugin, by name, with what they take.

Imported in every run of pytest, so it imports nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_amberflo.settings import Settings

#: When pytest was started, UTC in seconds since 1970.
STARTED: Final = pytest.StashKey[float]()
SETTINGS: Final[pytest.StashKey[Settings]] = pytest.StashKey()
FILE_NAMES: Final = (
    "*.arazzo.yaml",
    "*.arazzo.yml",
    "*.arazzo.json",
    "arazzo.yaml",
    "arazzo.yml",
    "arazzo.json",
)
CHECKS: Final = (
    "request",
    "status",
    "content-type",
    "response-schema",
    "usage",
    "emitter",
    "throttle",
    "lost-answer",
)
#: Variants of a workflow that ingests.
VARIANTS: Final = ("once", "replay", "concurrent", "batch", "lost-ack", "distinct")
#: Variants of a workflow that says what calls to one's own service meter.
EMITTER_VARIANTS: Final = (
    "once",
    "unavailable",
    "throttled",
    "lost-answer",
    "down",
    "slow",
    "repeat",
    "restart",
)
OPTIONS: Final = (
    ("target", "TARGET", False, "embedded (default), live, or the URL of a metering service"),
    ("require", "TARGET", False, "fail unless this is the target"),
    ("min-judged", "N", False, "fail unless at least N workflow items were judged"),
    ("server", "SOURCE=URL", True, "where one source description's operations are called"),
    ("allow-host", "HOST", True, "a further host that requests may be sent to"),
    ("input", "NAME=VALUE", True, "a workflow input; JSON where its schema is not a string"),
    ("without", "NAME", True, "leave an optional input out"),
    ("input-file", "FILE", False, "JSON or YAML with inputs by name, or by workflowId and name"),
    ("variants", "LIST", False, f"by comma: {', '.join(VARIANTS)} (all on loopback, else once)"),
    (
        "emitter-variants",
        "LIST",
        False,
        f"with `meters`, by comma: {', '.join(EMITTER_VARIANTS)} (all if embedded, else once)",
    ),
    ("emitter-restart", "COMMAND", False, "what restarts the service under test"),
    ("settle", "SECONDS", False, "how long usage may take to show (5 embedded, 60 elsewhere)"),
    ("hold", "SECONDS", False, "how long right usage is watched (0 embedded, 2 elsewhere)"),
    ("quiet", "SECONDS", False, "how long a service must be silent to have sent everything (1)"),
    ("timeout", "SECONDS", False, "how long one request may take (10 on loopback, 30 elsewhere)"),
    ("deadline", "SECONDS", False, "for the whole run; what is not judged by then is unverified"),
    (
        "dedup-key",
        "[METER=]KEY",
        True,
        "the key of dedup: record (default), uniqueId, a dimension",
    ),
    (
        "description",
        "published|official|FILE",
        False,
        "the description that probes hold the endpoint to (published)",
    ),
    ("max-events", "N", False, "most events that are sent off loopback (100)"),
    ("rate", "N", False, "requests a second off loopback (5)"),
    ("severity", "CHECK=LEVEL", True, "error, warn or off for a check: " + ", ".join(CHECKS)),
    ("trace", "FILE", False, "write a JSON trace of every step, secrets masked"),
    ("har", "FILE", False, "write all exchanges as HAR, secrets masked"),
    ("ledger", "FILE", False, "keep what was sent, to be judged later by --amberflo-verify"),
    ("verify", "FILE", False, "judge what a ledger keeps, and run nothing else"),
    (
        "verify-report",
        "FILE",
        True,
        "the table of --amberflo-verify, by suffix .csv or .json (both, beside the ledger)",
    ),
)
INI: Final[tuple[tuple[str, Any, str], ...]] = (
    ("target", "string", "where Amberflo's own hosts are sent: embedded or a loopback URL"),
    ("min_judged", "string", "fail unless at least this many workflow items were judged"),
    ("servers", "linelist", "SOURCE=URL: where one source description's operations are called"),
    ("allow_hosts", "linelist", "further hosts that requests may be sent to"),
    ("input_file", "string", "JSON or YAML file with workflow inputs"),
    ("variants", "string", "variants of workflows that ingest, by comma"),
    ("emitter_variants", "string", "variants of workflows with `meters`, by comma"),
    ("emitter_restart", "string", "the command that restarts the service under test"),
    ("settle", "string", "seconds that usage may take to show"),
    ("hold", "string", "seconds that right usage is watched"),
    ("quiet", "string", "seconds that a service must be silent to have sent everything"),
    ("timeout", "string", "seconds that one request may take"),
    ("deadline", "string", "seconds for the whole run"),
    ("dedup_key", "linelist", "[METER=]KEY: the account's key of deduplication"),
    (
        "dedup_value",
        "string",
        "key (default), first or last: of records that differ in value",
    ),
    ("description", "string", "published, official or a file: what probes hold the endpoint to"),
    ("max_events", "string", "most events that are sent off loopback"),
    ("rate", "string", "requests a second off loopback"),
    ("severity", "linelist", "CHECK=error|warn|off"),
    (
        "validation",
        "string",
        "fast (default), or exact: openapi-core judges also what surely keeps its description",
    ),
    ("trace", "string", "file for a JSON trace"),
    ("lenient", "linelist", "rules that are not insisted on: bare-operation-id"),
    ("files", "linelist", "names of workflow files (globs), instead of *.arazzo.yaml and so on"),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and ini value."""
    group = parser.getgroup("amberflo", "Metering contract tests (pytest-amberflo)")
    for name, metavar, repeatable, text in OPTIONS:
        group.addoption(
            f"--amberflo-{name}",
            metavar=metavar,
            action="append" if repeatable else "store",
            default=None,
            dest=f"amberflo_{name.replace('-', '_')}",
            help=text,
        )
    group.addoption(
        "--amberflo-dry-run",
        action="store_true",
        help="resolve and validate every request, send none",
    )
    for name, kind, text in INI:
        parser.addini(f"amberflo_{name}", text, type=kind, default=None)


def is_anything_given(config: pytest.Config) -> bool:
    """Whether an option, ini value or variable of ours is set, so that settings are to be read.

    Reading them takes longer than all else that a run without workflows pays for this plugin.
    """
    options = (config.getoption(f"amberflo_{name.replace('-', '_')}") for name, *_ in OPTIONS)
    return (
        config.getoption("amberflo_dry_run")
        or any(value is not None for value in options)
        or any(config.getini(f"amberflo_{name}") is not None for name, *_ in INI)
        or any(name.startswith("AMBERFLO_") for name in os.environ)
    )
