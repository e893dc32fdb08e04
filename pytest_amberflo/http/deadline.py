"""The moment by which a request must be over, for the libraries that limit single steps only."""

from __future__ import annotations

import threading
import time


class Deadline(threading.local):
    """The moment by which the request of the present thread must be over (monotonic s)."""

    at: float | None = None

    def limit(self, timeout: float | None, error: type[Exception]) -> float | None:
        """The time that is left, at most `timeout`. Raises `error` where none is."""
        if self.at is None:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise error("the time for the whole request is over")
        return left if timeout is None else min(timeout, left)
