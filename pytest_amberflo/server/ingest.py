"""Ingest: its paths, what is asked of it beside events, and how it says that they are accepted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.intake import Intake, read_intake
from pytest_amberflo.server.message import Answer, encode_json
from pytest_amberflo.server.payload import TextForm, parse_events, read_event_text
from pytest_amberflo.server.plain import read_plain
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.routing import Route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.server.behaviour import Behaviour
    from pytest_amberflo.server.message import Request

#: `/ingest` in both forms, an older name of it, and the root: the ingest host of the real
#: service is used by one official client without any path.
INGEST_ROUTES: Final = tuple(
    Route(name="ingest", method="POST", path=path, shape=Shape.SHARED)
    for path in ("/ingest", "/ingest-endpoint", "/", "")
)
#: How official clients begin their header User-Agent. They hand the answer's text on as it is.
_SDK: Final = b"Amberflo.io SDK"


def check_parameters(query: Mapping[str, str]) -> None:
    """Refuse schemas of the account's own: there is nowhere to define one here.

    With 400, so that official clients give up at once and do not try for minutes.
    """
    for name in ("schemaDetection", "ingestSchemaId"):
        if name in query:
            message = f"{name} is not served here: events must be in Amberflo's own schema"
            raise Refusal(400, "custom-schema-unsupported", message)


def read_events(request: Request, tenant: int, *, limit: int) -> Intake:
    """The events that a request brings.

    Raises Refusal, as `read_event_payload` and `read_intake` do.
    """
    text, form = read_event_text(request, limit=limit)
    if form is TextForm.JSON and text.startswith("["):
        records = read_plain(text, tenant)
        if records is not None:
            return Intake(event_count=len(records), records=records)
    return read_intake(parse_events(text, form), tenant)


def render_accepted(request: Request, count: int, behaviour: Behaviour) -> Answer:
    """The answer to an ingest of so many events.

    As JSON text (published) or plain text (official): as the behaviour says, else plain where
    the request prefers it or comes from an official client.
    """
    form = behaviour.ingest_answer
    return _accept(count, form == "text" or (form == "auto" and _prefers_text(request)))


@lru_cache
def _accept(count: int, is_text: bool) -> Answer:  # noqa: FBT001 - for the cache
    # Most requests bring as many events as those before them.
    text = f"{count} records were ingested"
    if is_text:
        return Answer(status=200, body=text.encode(), media_type="text/plain; charset=utf-8")
    return Answer(status=200, body=encode_json(text))


def _prefers_text(request: Request) -> bool:
    notes = request.notes
    if notes is None:
        return _weigh_text(request)
    if notes.prefers_text is None:
        notes.prefers_text = _weigh_text(request)
    return notes.prefers_text


def _weigh_text(request: Request) -> bool:
    is_sdk = False
    text, json = 0.0, 0.0
    for name, value in request.headers:
        if name == b"user-agent":
            is_sdk = value.startswith(_SDK)
        elif name == b"accept" and b"text/" in value:
            text, json = _weigh(value, "text/plain"), _weigh(value, "application/json")
    return is_sdk or text > json


def _weigh(accept: bytes, media_type: str) -> float:
    """How much a media type is wanted: the weight of the range that names it most exactly."""
    kind = media_type.partition("/")[0]
    weights: dict[str, float] = {}
    for part in accept.decode("latin-1").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights[name] = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weights[name] = float(parameter[2:])
                except ValueError:
                    weights[name] = 0.0
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0
