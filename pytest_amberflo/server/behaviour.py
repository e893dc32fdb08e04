"""What a server does where the real service's ways are unknown, slow or configurable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Which of several records with one key counts. `key`: the value is part of the key, and where
#: the key is one attribute, the first record counts.
ValuePolicy: TypeAlias = Literal["key", "first", "last"]
#: Whether the answer to an ingest is a JSON text or plain text; `auto` goes by the request.
IngestAnswer: TypeAlias = Literal["auto", "json", "text"]

VALUE_POLICIES: Final = ("key", "first", "last")
INGEST_ANSWERS: Final = ("auto", "json", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupRule:
    """When two records of one meter and customer are the same."""

    #: `record` (all attributes), `uniqueId`, or the name of a dimension. Records without that
    #: attribute are told apart by all of theirs.
    key: str = "record"
    value: ValuePolicy = "key"

    @property
    def is_plain(self) -> bool:
        """Whether the store's own rule says it all: the whole record is the key."""
        return self.key == "record" and self.value == "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The ways of a server; times in seconds by its clock."""

    #: How long an accepted record stays out of sight, and how much longer it may be by chance.
    lag_s: float = 0.0
    jitter_s: float = 0.0
    #: How long after its arrival a record is *fresh*: every copy of it counts, whatever the
    #: dedup rule says, and no cancellation has reached it yet. The real service is documented
    #: to take hours. 0: figures are settled at once.
    settle_s: float = 0.0
    #: The rule of all meters that have none of their own, and those of single meters.
    dedup: DedupRule = field(default_factory=DedupRule)
    dedup_by_meter: Mapping[str, DedupRule] = field(default_factory=dict)
    #: For a missing or unknown API key. Published: 401; the real service's is likely 403.
    unauthorized_status: Literal[401, 403] = 401
    ingest_answer: IngestAnswer = "auto"
    #: For what is left to chance.
    seed: int = 0


DEFAULT_BEHAVIOUR: Final = Behaviour()
