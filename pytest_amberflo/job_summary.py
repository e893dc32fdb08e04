"""The job summary of GitHub Actions: what a run has judged, as Markdown on the page of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: GitHub shows no summary of more than 1 MiB.
_MOST_ROWS: Final = 200
_LONGEST: Final = 300


class RedItem(Struct, frozen=True, kw_only=True):
    """An item that did not pass, and the first line of its report."""

    nodeid: str
    verdict: str
    headline: str


def write_job_summary(path: Path, line: str, red: Sequence[RedItem]) -> None:
    """Add a run to a job summary: its one line, and a table of what is red. Raises OSError."""
    lines = ["### Metering contract tests", "", _escape(line), ""]
    if red:
        lines += ["| item | verdict | what is wrong |", "|---|---|---|"]
        for item in red[:_MOST_ROWS]:
            cells = (item.nodeid, item.verdict, item.headline[:_LONGEST])
            lines.append("| " + " | ".join(map(_escape, cells)) + " |")
        if len(red) > _MOST_ROWS:
            lines += ["", f"and {len(red) - _MOST_ROWS} more"]
        lines.append("")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _escape(text: str) -> str:
    """The text as one that Markdown and HTML leave alone."""
    for char in "\\`*_{}[]<>|#~":
        text = text.replace(char, f"\\{char}" if char not in "<>" else f"&#{ord(char)};")
    return " ".join(text.split())
