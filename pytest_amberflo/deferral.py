"""Items of which only settled figures tell: what they leave behind to be judged later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.metering.query import UsageQuery, read_query
from pytest_amberflo.settings import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.bound import Target
    from pytest_amberflo.arazzo.events import Route
    from pytest_amberflo.desk import Metering
    from pytest_amberflo.http.exchange import Request
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.deferral import Entry, StoredQuery
    from pytest_amberflo.reader import UsageReader
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Verdict
    from pytest_amberflo.witness import Witness

#: The variant that sends nothing of its own. All others ask what is taken for one record, and
#: fresh figures of the real service have no answer to that.
PLAIN: Final = VARIANTS[0]
NO_LEDGER: Final = (
    "not judged: fresh figures of the real service may count copies for hours, so it can be "
    "judged only later. Give --amberflo-ledger FILE; pytest --amberflo-verify FILE then judges it"
)
HOLDS_A_KEY: Final = (
    "not kept for later: a secret stands in what was sent or asked, and a ledger must not have it"
)


class Deferral:
    """What is left of one item for later."""

    def __init__(
        self,
        run: Run,
        variant: str | None,
        judge: UsageJudge,
        reader: UsageReader,
        witness: Witness,
        route: Route,
        url: str,
    ) -> None:
        """`url` is where Amberflo's own hosts are sent, `route` where any operation is."""
        self._run = run
        self._variant = variant
        self._judge = judge
        self._reader = reader
        self._witness = witness
        self._route = route
        self._url = url

    @property
    def is_due(self) -> bool:
        """Whether right fresh figures prove less than the item asks."""
        if not self._judge.is_live or not self._judge.has_ingested:
            return False
        from pytest_amberflo.metering.deferral import needs_settling  # noqa: PLC0415  only live

        is_plain = self._variant in (None, PLAIN)
        return not is_plain or needs_settling(self._judge.sent, self._run.settings.dedup)

    def make_entry(self, verdict: Verdict) -> Entry | None:
        """The entry of the item; None where nobody wants one, or nothing was sent."""
        settings, judge = self._run.settings, self._judge
        if settings.ledger is None or not judge.sent:
            return None
        from pytest_amberflo.metering.deferral import (  # noqa: PLC0415  only with a ledger
            Entry,
            Rules,
            find_due,
        )

        customers = {found.event.customer for found in judge.sent}
        return Entry(
            run=self._run.run_id,
            item="",
            verdict=verdict.value,
            target=self._url,
            not_before_s=find_due(judge.sent, is_live=judge.is_live),
            rules=Rules(
                is_live=judge.is_live,
                dedup=settings.dedup,
                has_other_writers=not all(map(self._is_ours, customers)),
                settle_s=settings.settle_s,
                hold_s=settings.hold_s,
            ),
            transmissions=tuple(judge.sent),
            queries=tuple(self._list_queries()),
        )

    def _is_ours(self, customer: str | None) -> bool:
        return customer is not None and self._run.is_fresh(customer)

    def holds_secret(self, entry: Entry) -> bool:
        """Whether an entry would put a secret into a file."""
        texts = [text for query in entry.queries for text in (query.path, query.body)]
        for found in entry.transmissions:
            event = found.event
            texts += [event.meter, event.customer or "", event.unique_id or ""]
            texts += [text for pair in event.dimensions for text in pair]
        return any(self._run.redactor.redact(text) != text for text in texts)

    def _list_queries(self) -> Iterator[StoredQuery]:
        """Totals of everything that was sent, then what the document asked."""
        from pytest_amberflo.metering.deferral import plan_totals  # noqa: PLC0415  likewise

        totals = plan_totals(found.event for found in self._judge.sent)
        known: set[tuple[str | None, str, UsageQuery]] = set()
        for is_total, request, target in (
            *((True, *found) for found in self._witness.write_requests(totals)),
            *((False, *found) for found in self._reader.asked.items()),
        ):
            query = self._store(request, target, is_total=is_total)
            name = (query.server, query.path, read_query(query.body.encode()))
            if name not in known:
                known.add(name)
                yield query

    def _store(self, request: Request, target: Target, *, is_total: bool) -> StoredQuery:
        from pytest_amberflo.metering.deferral import StoredQuery  # noqa: PLC0415  likewise

        base = self._route(target)
        description = self._run.find_shipped(target)
        return StoredQuery(
            path=request.url.removeprefix(base),
            body=(request.body or b"").decode("utf-8", "replace"),
            server=None if base == self._url else base,
            description=description,
            is_total=is_total,
        )


def write_line(entry: Entry | None, nodeid: str) -> str | None:
    """The line of an item in a ledger file; None where it has none."""
    if entry is None:
        return None
    from pytest_amberflo.metering.ledger_text import write_entry  # noqa: PLC0415  likewise

    return write_entry(replace(entry, item=nodeid))


def keep_desk(desk: Metering, nodeid: str, run: Run, *, is_red: bool) -> dict[str, Any]:
    """What a test in Python leaves, as plain values for its report."""
    line = write_line(desk.make_entry(is_red=is_red), nodeid)
    return {"entry": line, "is_deferred": desk.is_deferred, "notes": list(run.notes)}
