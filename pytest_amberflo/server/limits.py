"""How much the server takes from one client, and for how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a server. The real service publishes none of them; these are ours."""

    #: A request's body, in bytes, as sent and also after inflating.
    body_bytes: int = 16 * 1024 * 1024
    #: A request's target and headers together, in bytes.
    head_bytes: int = 64 * 1024
    #: Open connections; one more is told to come back later. Below the 1,024 open files that
    #: a process may have by default.
    connections: int = 800
    #: From the first byte of a request to its last, in seconds.
    request_s: float = 30.0
    #: A connection without a request, in seconds.
    idle_s: float = 75.0
    #: An answer that the client does not take, in seconds.
    write_s: float = 30.0
    #: How long the rest of a refused request is read and dropped, so that its sender sees the
    #: answer and not a reset, in seconds.
    linger_s: float = 2.0
    #: How long a store that another process has locked is waited for, in seconds.
    lock_s: float = 2.0
    #: How long a stopping server waits for requests under way, in seconds.
    grace_s: float = 5.0

    @property
    def sweep_s(self) -> float:
        """How often clients that take too long are looked for, in seconds."""
        return min(1.0, min(self.request_s, self.idle_s, self.write_s, self.linger_s) / 4)
