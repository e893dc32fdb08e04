"""What went wrong with a request, in words for users."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pytest_amberflo.http.body import MAX_BODY_BYTES
from pytest_amberflo.http.connection import WireError
from pytest_amberflo.http.exchange import Request, TransportFailure

_NOT_SENT: Final = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
    | {"LocalProtocolError", "InvalidURL"}
)


def describe_failure(error: Exception, request: Request, timeout_s: float) -> TransportFailure:
    """What an error of the wire, of httpx or of httpcore means for a request."""
    kind = error.kind if isinstance(error, WireError) else type(error).__name__
    if kind == "InvalidURL" or isinstance(error, UnicodeError):
        return TransportFailure(kind="url", message=str(error), sent=False)
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    if kind == "BodyTooLarge":
        text = f"the response is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB"
        return TransportFailure(kind="too-large", message=text, sent=True)
    if kind in ("ConnectError", "ConnectTimeout"):
        reason = (
            "refused the connection" if "refused" in str(error) else f"cannot be reached: {error}"
        )
        text = (
            f"{host} {reason}" if kind == "ConnectError" else f"{host} did not accept a connection"
        )
        return TransportFailure(kind="connect", message=text, sent=False)
    if "Timeout" in kind:
        text = f"{host} did not answer within {timeout_s:g} s"
        return TransportFailure(kind="timeout", message=text, sent=kind not in _NOT_SENT)
    if kind == "RemoteProtocolError" and str(error).startswith("Server disconnected"):
        text = f"{host} closed the connection without an answer"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind == "RemoteProtocolError" and "complete message body" in str(error):
        text = f"{host} closed the connection in the middle of its answer"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind in ("ReadError", "WriteError"):
        text = f"{host} reset the connection: {error}"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind == "DecodingError":
        text = f"the response cannot be decoded: {error}"
        return TransportFailure(kind="protocol", message=text, sent=True)
    text = f"{host}: {error or kind}"
    return TransportFailure(kind="protocol", message=text, sent=kind not in _NOT_SENT)
