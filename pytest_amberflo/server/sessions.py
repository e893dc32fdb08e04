"""Sessions of the customer portal. There is no portal here: links lead to this server."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Documents
    from pytest_amberflo.server.routing import Call

_CODE: Final = "invalid-session"
_HOST: Final = re.compile(rb"[A-Za-z0-9.:\[\]-]{1,255}")
_DAY_MS: Final = 86_400_000


def open_session(call: Call, documents: Documents) -> Any:
    """A link to the portal and its token. Whether the customer must be there is not known."""
    fields = Fields.of(call.payload, _CODE)
    customer = fields.read_text("customerId")
    fields.find_text("returnUrl")
    now_ms = documents.now_ms
    expires_ms = fields.find_millis("expirationEpochMilliSeconds") or now_ms + _DAY_MS
    if expires_ms <= now_ms:
        raise fields.refuse("expirationEpochMilliSeconds", f"in the future, after {now_ms}")
    token = secrets.token_urlsafe(24)
    documents.put("session", token, {"customerId": customer, "expiresMillis": expires_ms})
    hosts = call.request.header_values(b"host")
    host = hosts[0].decode() if len(hosts) == 1 and _HOST.fullmatch(hosts[0]) else "localhost"
    return {"url": f"http://{host}/portal/{token}", "sessionToken": token}


ROUTES: Final = (make_route("openSession", "POST", "/session", open_session, Shape.OFFICIAL),)
