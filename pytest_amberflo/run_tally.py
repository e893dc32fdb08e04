"""What the items of a run came to, and the one line that says it."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.metering.window import format_time
from pytest_amberflo.usage_text import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Verdicts on what the service does.
_JUDGED: Final = ("passed", "failed")
#: What digests count, and the line of a run adds up.
_COUNTS: Final = ("events", "copies", "lost_answers", "throttled", "metered", "judged", "wrong")


class RunTally:
    """The digests of a run added up; what is said of single items is kept only where asked for."""

    def __init__(self, *, wants_traces: bool = False) -> None:
        self._wants_traces = wants_traces
        self.verdicts: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        #: How long usage took to be seen, in seconds.
        self.visible_s = array("d")
        #: When the last of what is deferred may be judged, UTC in seconds since 1970.
        self.due_s = 0.0
        #: What was called, each once.
        self.targets: dict[str, None] = {}
        #: Files of descriptions that are not there, with the name of what is used for them.
        self.stand_ins: dict[str, str] = {}
        #: Node ids with the requests that a dry run would send, as lines.
        self.rehearsed: list[tuple[str, Sequence[str]]] = []
        #: The entries of the trace, which each digest has where one is asked for.
        self.traces: list[Any] = []
        #: Whether there are rows of usage by customer, meter and day.
        self.has_rows = False

    def add(self, digest: Mapping[str, Any]) -> None:
        """Add what an item came to."""
        verdict = digest["verdict"]
        self.verdicts[verdict] += 1
        for name in _COUNTS:
            if name in digest:
                self.counts[name] += digest[name]
        self.visible_s.extend(digest.get("visible_s", ()))
        if verdict == "deferred":
            self.due_s = max(self.due_s, digest["due_s"])
        if "target" in digest:
            self.targets[digest["target"]] = None
        self.stand_ins |= digest.get("stand_ins", {})
        if "requests" in digest:
            self.rehearsed.append((digest["nodeid"], digest["requests"]))
        if self._wants_traces:
            self.traces.append(digest["trace"])
        self.has_rows = self.has_rows or bool(digest.get("rows"))

    @property
    def judged(self) -> int:
        """How many items came to a verdict on what the service does."""
        return sum(self.verdicts[name] for name in _JUDGED)


def summarize(tally: RunTally, target: str, ledger: str = "") -> str:
    """The one line of a run: what was judged, what was sent, when it was visible.

    `ledger` is the file where what is deferred is kept.
    """
    verdicts, counts = tally.verdicts, tally.counts
    parts = [f"amberflo: {tally.judged} judged on {target}"]
    for verdict in ("unverified", "error", "skipped"):
        if verdicts[verdict]:
            parts[0] += f", {verdicts[verdict]} {verdict}"
    events = counts["events"]
    sent = f"{events} event{'' if events == 1 else 's'} sent, {counts['copies']} re-sent"
    if counts["lost_answers"]:
        sent += f" ({counts['lost_answers']} without an answer)"
    if counts["throttled"]:
        sent += f", throttled {counts['throttled']} times"
    parts.append(sent)
    if counts["metered"]:
        parts.append(f"{counts['metered']} due from services under test")
    parts.append(f"usage right in {counts['judged'] - counts['wrong']} of {counts['judged']}")
    if tally.visible_s:
        visible = sorted(tally.visible_s)
        middle = visible[len(visible) // 2]
        parts.append(
            f"visible after {format_duration(middle)} (slowest {format_duration(visible[-1])})"
        )
    if verdicts["deferred"]:
        when = format_time(round(tally.due_s * 1000))[:16]
        parts.append(
            f"{verdicts['deferred']} deferred to {ledger} (due from {when} UTC): "
            f"pytest --amberflo-verify {ledger}"
        )
    return "; ".join(parts)


def summarize_rehearsal(tally: RunTally) -> str:
    """The one line of a run that sent nothing."""
    lines = [line for _, requests in tally.rehearsed for line in requests]
    count = sum(line[:1] not in ("", " ") for line in lines)
    unsound = tally.verdicts["failed"] + tally.verdicts["error"]
    text = f"amberflo: dry run, {count} request{'' if count == 1 else 's'} resolved, none sent"
    return text + (f"; {unsound} of {tally.verdicts.total()} workflows unsound" if unsound else "")


def summarize_verification(
    tally: RunTally, target: str, ledger: str, reports: Sequence[str]
) -> str:
    """The one line of a verification."""
    noun = "entry" if tally.judged == 1 else "entries"
    text = f"amberflo: {tally.judged} {noun} of {ledger} judged on {target}"
    words = {
        "passed": "right",
        "failed": "wrong",
        "unverified": "unverified",
        "error": "not judged",
        "skipped": "skipped",
    }
    for verdict, word in words.items():
        if tally.verdicts[verdict]:
            text += f", {tally.verdicts[verdict]} {word}"
    if tally.has_rows:
        text += f"; by customer, meter and day: {', '.join(reports)}"
    return text
