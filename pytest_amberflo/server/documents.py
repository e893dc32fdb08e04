"""JSON documents of one tenant: customers, meters, plans and the like, by kind and id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from pytest_amberflo.server.behaviour import Behaviour
    from pytest_amberflo.server.clock import ServerClock

#: Kinds of documents that say how records are read.
METER: Final = "meter"
RULE: Final = "rule"
REMOVAL: Final = "removal"

#: A JSON object. What is in it is up to those who keep it.
Document = dict[str, Any]

_NEXT: Final = "SELECT coalesce(max(number), 0) + 1 FROM document WHERE tenant = ? AND kind = ?"


class Documents:
    """The documents of a tenant, within one transaction or on a connection for reading."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        tenant: int,
        clock: ServerClock,
        behaviour: Behaviour,
    ) -> None:
        self.connection = connection
        self.tenant = tenant
        self.clock = clock
        #: How records are read.
        self.behaviour = behaviour

    @property
    def now_ms(self) -> int:
        """The moment by the server's clock, in milliseconds since 1970, UTC."""
        return self.clock.now_us() // 1000

    def find(self, kind: str, name: str) -> Document | None:
        """The document of this kind and id."""
        statement = "SELECT body FROM document WHERE tenant = ? AND kind = ? AND id = ?"
        row = self.connection.execute(statement, (self.tenant, kind, name)).fetchone()
        return None if row is None else _read(row[0])

    def list(self, kind: str) -> tuple[Document, ...]:
        """All documents of a kind, in the order in which they were first put."""
        statement = "SELECT body FROM document WHERE tenant = ? AND kind = ? ORDER BY number"
        rows = self.connection.execute(statement, (self.tenant, kind))
        return tuple(_read(body) for (body,) in rows)

    def put(self, kind: str, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document, in place of the one of its id if there is one."""
        (number,) = self.connection.execute(_NEXT, (self.tenant, kind)).fetchone()
        self.connection.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET body = excluded.body",
            (self.tenant, kind, name, number, json.dumps(document)),
        )

    def delete(self, kind: str, name: str) -> None:
        """Remove a document; it need not be there."""
        self.connection.execute(
            "DELETE FROM document WHERE tenant = ? AND kind = ? AND id = ?",
            (self.tenant, kind, name),
        )


def _read(body: str) -> Document:
    document: Document = json.loads(body)
    return document
