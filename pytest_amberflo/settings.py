"""What a user can set, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct, field

from pytest_amberflo.http.address import find_host, is_amberflo_host, is_loopback
from pytest_amberflo.metering.dedup import DedupRules
from pytest_amberflo.option_table import CHECKS, EMITTER_VARIANTS, FILE_NAMES, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "CHECKS",
    "DESCRIPTIONS",
    "EMITTER_VARIANTS",
    "FILE_NAMES",
    "LENIENCIES",
    "LEVELS",
    "LIVE_URL",
    "VALIDATIONS",
    "VARIANTS",
    "Level",
    "Settings",
    "Target",
    "TargetKind",
]

TargetKind: TypeAlias = Literal["embedded", "live", "url"]
Level: TypeAlias = Literal["error", "warn", "off"]

LIVE_URL: Final = "https://app.amberflo.io"
_OFF_BY_DEFAULT: Final = ("throttle", "lost-answer")
#: The descriptions that come with the package and that probes can hold an endpoint to.
DESCRIPTIONS: Final = ("published", "official")
#: Rules of Arazzo that a run need not insist on.
LENIENCIES: Final = ("bare-operation-id",)
#: How messages are held to their description: at once where they surely keep it, or never so.
VALIDATIONS: Final = ("fast", "exact")
LEVELS: Final = ("error", "warn", "off")


class Target(Struct, frozen=True, kw_only=True):
    """Where requests to Amberflo's own hosts are sent; `url` is None for the embedded server."""

    kind: TargetKind
    url: str | None
    #: "command line", "environment", "ini" or "default".
    origin: str

    @property
    def is_live(self) -> bool:
        """Whether this is the real service, however it was spelled."""
        return self.url is not None and is_amberflo_host(find_host(self.url))

    @property
    def is_loopback(self) -> bool:
        """Whether no request for the target leaves this machine."""
        return self.url is None or is_loopback(find_host(self.url))

    def __str__(self) -> str:
        """The target as reports name it."""
        if self.kind == "embedded" or self.url is None:
            return "embedded"
        return f"live ({self.url})" if self.is_live else self.url


class EmitterSettings(Struct, frozen=True, kw_only=True):
    """What a user can set of testing a service that meters."""

    variants: tuple[str, ...] = EMITTER_VARIANTS[:1]
    #: Whether the user chose them.
    is_chosen: bool = False
    #: How long nothing may come from a service until all that it sends is there, in seconds.
    quiet_s: float = 1.0
    #: The command that restarts the service, or None.
    restart: tuple[str, ...] | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that a user can set; times in seconds."""

    target: Target
    #: The target that was required, or None; the run's is this one.
    require: Target | None
    api_key: str | None
    min_judged: int | None
    servers: Mapping[str, str]
    allow_hosts: frozenset[str]
    #: Inputs of the command line by name, as text; may hold secrets.
    inputs: Mapping[str, str]
    without: frozenset[str]
    input_file: Path | None
    variants: tuple[str, ...]
    settle_s: float
    hold_s: float
    timeout_s: float
    severity: Mapping[str, Level]
    trace: Path | None
    #: Whether a bare operationId with several sources is taken where exactly one has it.
    takes_bare_ids: bool
    file_names: tuple[str, ...]
    #: For the whole run, in seconds; None without a limit.
    deadline_s: float | None = None
    dedup: DedupRules = field(default_factory=DedupRules)
    #: Most events that may be sent, and requests a second; None on this machine.
    max_events: int | None = None
    rate: int | None = None
    #: The second account's key, for probes of tenancy.
    second_key: str | None = None
    #: What probes hold the endpoint to: one of DESCRIPTIONS, or a file.
    description: str | Path = DESCRIPTIONS[0]
    #: Whether requests are resolved and validated, and none is sent.
    is_dry_run: bool = False
    #: Whether every message is judged by openapi-core, also one that surely keeps its description.
    is_exact: bool = False
    #: Where all exchanges are written as HAR, and where a CI job's summary is to be added to.
    har: Path | None = None
    job_summary: Path | None = None
    emitter: EmitterSettings = field(default_factory=EmitterSettings)
    #: Where to keep what can be judged only later.
    ledger: Path | None = None
    #: The ledger that is to be judged now; then nothing else is run.
    verify: Path | None = None
    #: Where the table of a verification goes; beside the ledger where none is given.
    verify_reports: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        # Keys and inputs are no sight for a traceback.
        return f"Settings(target={self.target})"

    @property
    def reaches_live(self) -> bool:
        """Whether requests go to the real service, be it the target or one source's server."""
        urls = self.servers.values()
        return self.target.is_live or any(is_amberflo_host(find_host(url)) for url in urls)

    def describe(self) -> str:
        """The line of the report's header: the target, and where its key is from."""
        parts = [f"amberflo: target {self.target}"]
        if self.target.kind == "embedded":
            parts.append("offline")
        if self.api_key is not None:
            parts.append("key from AMBERFLO_API_KEY")
        return ", ".join(parts)

    def level_of(self, check: str) -> Level:
        """How a finding of this check is taken."""
        return self.severity.get(check, "off" if check in _OFF_BY_DEFAULT else "error")
