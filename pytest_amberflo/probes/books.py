"""What probes leave for a ledger file: what each sent and asked, to be judged later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.metering.deferral import Entry, StoredQuery, find_due

if TYPE_CHECKING:
    from pytest_amberflo.http.exchange import Request
    from pytest_amberflo.metering.deferral import Rules
    from pytest_amberflo.probes.finding import Kind
    from pytest_amberflo.probes.player import Player


class Books(Struct, frozen=True, kw_only=True):
    """What the entries of all probes of a run have in common."""

    run_id: str
    #: The base URL of the endpoint.
    url: str
    #: The shipped description that answers are held to; None if it is the user's own.
    description: str | None
    rules: Rules

    def make_entry(self, player: Player, kind: Kind) -> Entry | None:
        """The entry of a probe; None where it sent nothing. The second account has none."""
        records = player.books["first"].ledger.records()
        sent = [transmission for record in records for transmission in record.transmissions]
        if not sent:
            return None
        return Entry(
            run=self.run_id,
            item="",
            verdict=kind.value,
            target=self.url,
            not_before_s=find_due(sent, is_live=self.rules.is_live),
            rules=self.rules,
            transmissions=tuple(sorted(sent, key=lambda found: found.at_s)),
            queries=tuple(self._store(request) for request in player.asked),
        )

    def _store(self, request: Request) -> StoredQuery:
        return StoredQuery(
            path=request.url.removeprefix(self.url.rstrip("/")),
            body=(request.body or b"").decode(),
            description=self.description,
        )
