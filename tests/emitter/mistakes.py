"""The example's service with one mistake: `python mistakes.py NAME --port N --state FILE`.

Each mistake is a small change of `examples/translation/service.py`, and sends with Amberflo's own
client like that.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "translation"))

import requests
import service
from metering.exceptions import ApiError
from metering.ingest import create_ingest_client
from metering.session import IngestSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Event = dict[str, Any]

_DESCRIBE = service.describe_usage
_SEND: Callable[..., str] = service.IngestApiClient.send
_NUMBERS = itertools.count()


def _change_events(change: Callable[[service.Call, Event], object]) -> None:
    """Have each event of a call changed in place; one whose change is `False` is left out."""

    def describe(call: service.Call) -> list[Event]:
        return [event for event in _DESCRIBE(call) if change(call, event) is not False]

    service.describe_usage = describe


def _change_requests(change: Callable[[service.IngestApiClient, list[Event]], str]) -> None:
    """Have something else done instead of a request to ingest."""
    service.IngestApiClient.send = change


# What an event says.


def seconds_for_milliseconds() -> None:
    """The time of the standard library, as it is."""
    _change_events(lambda _, event: event.update(meterTimeInMillis=int(time.time())))


def microseconds() -> None:
    """The time of a database."""
    _change_events(
        lambda call, event: event.update(meterTimeInMillis=call.time_ms * 1000),
    )


def value_as_text() -> None:
    """A number that came out of a header."""
    _change_events(lambda _, event: event.update(meterValue=str(event["meterValue"])))


def float_noise() -> None:
    """Tenths added up."""

    def add(call: service.Call, event: Event) -> None:
        if event["meterApiName"] == "compute-seconds":
            event["meterValue"] = sum(0.1 for _ in call.text.split())

    _change_events(add)


def milliseconds_for_seconds() -> None:
    """A duration in another unit than the meter's."""

    def scale(_: service.Call, event: Event) -> None:
        if event["meterApiName"] == "compute-seconds":
            event["meterValue"] = round(event["meterValue"] * 1000)

    _change_events(scale)


def rounded_up() -> None:
    """Parts of a second made whole ones."""

    def round_up(_: service.Call, event: Event) -> None:
        event["meterValue"] = math.ceil(event["meterValue"])

    _change_events(round_up)


def another_field() -> None:
    """Words where characters are due."""

    def count(call: service.Call, event: Event) -> None:
        if event["meterApiName"] == "characters":
            event["meterValue"] = len(call.text.split())

    _change_events(count)


def no_unique_id() -> None:
    """Nothing that tells two calls of one millisecond apart."""
    _change_events(lambda _, event: event.pop("uniqueId") and None)


def colliding_ids() -> None:
    """A counter that everybody counts from 1."""
    _change_events(lambda _, event: event.update(uniqueId=f"1-{event['meterApiName']}"))


def identical_records() -> None:
    """The day as the time, and what was asked as the id."""

    def flatten(call: service.Call, event: Event) -> None:
        event["meterTimeInMillis"] -= event["meterTimeInMillis"] % 86_400_000
        event["uniqueId"] = f"{call.customer}-{call.text}"

    _change_events(flatten)


def undeclared_meter() -> None:
    """A name that is almost right."""

    def rename(_: service.Call, event: Event) -> None:
        if event["meterApiName"] == "api-calls":
            event["meterApiName"] = "api-call"

    _change_events(rename)


def clock_ahead() -> None:
    """A machine without NTP."""
    _change_events(lambda call, event: event.update(meterTimeInMillis=call.time_ms + 40_000))


def missing_dimension() -> None:
    """No language."""
    _change_events(lambda _, event: event.pop("dimensions") and None)


def wrong_dimension() -> None:
    """The language of a default."""

    def default(_: service.Call, event: Event) -> None:
        if "language" in event["dimensions"]:
            event["dimensions"] = {"language": "en"}

    _change_events(default)


def name_for_id() -> None:
    """The customer's name where the id is due."""
    _change_events(lambda call, event: event.update(customerId=f"Customer {call.customer[-6:]}"))


def wrong_customer_at_once() -> None:
    """The customer in a variable that calls at the same time share."""
    latest: list[str] = []
    _change_events(lambda call, _: latest.append(call.customer))

    def send(client: service.IngestApiClient, events: list[Event]) -> str:
        time.sleep(0.3)
        return _SEND(client, [event | {"customerId": latest[-1]} for event in events])

    _change_requests(send)


# Which calls are metered.


def failures_metered() -> None:
    """Metered before it is known whether there is anything to be metered."""
    plain = service.App.answer

    def answer(self: service.App, customer: str, key: str | None, wish: Event) -> Any:
        status, body = plain(self, customer, key, wish)
        if status != 200:
            made = service.translate(str(wish.get("text")), "") | {"cached": True}
            now = int(time.time() * 1000)
            call = service.Call(str(uuid.uuid4()), customer, "", "none", now, made)
            self.state.keep(call, None, _DESCRIBE(call))
            self.sender.news.set()
        return status, body

    service.App.answer = answer


def cache_not_metered() -> None:
    """What comes from the cache has cost nothing."""
    _change_events(lambda call, _: not call.answer["cached"])


def metered_twice() -> None:
    """By a middleware and by the handler."""

    def describe(call: service.Call) -> list[Event]:
        events = _DESCRIBE(call)
        return [*events, events[0] | {"uniqueId": str(uuid.uuid4())}]

    service.describe_usage = describe


def repeats_metered() -> None:
    """A call that is made again with the same key is a call."""
    service.State.find_answer = lambda *_: None
    keep = service.State.keep
    service.State.keep = lambda self, call, _, events: keep(self, call, None, events)


# How events are sent.


def _wait_briefly() -> Iterator[float | None]:
    yield None
    while True:
        yield 0.1


def _send_with_producer(**ways: Any) -> None:
    """Have events sent by the client's own threads, from memory."""

    def run(self: service.Sender) -> None:
        producer = create_ingest_client(api_key=os.environ["AMBERFLO_API_KEY"], **ways)
        while not self.is_stopping:
            self.news.clear()
            waiting = self.state.list_waiting()
            for event in waiting.values():
                producer.send(event)
            self.state.remove(list(waiting))
            self.news.wait(0.2)

    service.Sender.run = run


def given_up() -> None:
    """The client's threads lose what they could not send after so many tries."""
    _send_with_producer(retries=1, backoff_delay=_wait_briefly, send_interval_in_secs=0.1)


def _end_at_once() -> None:
    """Have a process that is told to end do so, whatever it still holds or does."""

    def stop(_: service.Sender) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    service.Sender.stop = stop


def flush_lost() -> None:
    """A process that is told to end ends, whatever the client's threads hold."""
    _send_with_producer(send_interval_in_secs=20)
    _end_at_once()


def tail_dropped() -> None:
    """Only batches that are full are sent."""
    plain = service.State.list_waiting

    def list_full(self: service.State) -> dict[int, Event]:
        waiting = dict(list(plain(self).items())[:3])
        return waiting if len(waiting) == 3 else {}

    service.State.list_waiting = list_full


def _send_once(client: service.IngestApiClient, events: list[Event], final: set[int]) -> str:
    try:
        return _SEND(client, events)
    except ApiError as error:
        if error.status_code in final:
            return "given up"
        raise


def never_again() -> None:
    """One try, and no other."""
    _change_requests(lambda client, events: _send_once(client, events, {429, 500, 503}))


def throttling_is_final() -> None:
    """All that begins with a 4 is the sender's fault."""
    _change_requests(lambda client, events: _send_once(client, events, {429}))


def _change_retries(change: Callable[[Event], Event]) -> None:
    """Have each event changed once it was tried."""
    tried: set[str] = set()

    def send(client: service.IngestApiClient, events: list[Event]) -> str:
        batch = [change(e) if e["uniqueId"] in tried else e for e in events]
        tried.update(event["uniqueId"] for event in events)
        return _SEND(client, batch)

    _change_requests(send)


def new_id_on_retry() -> None:
    """The id is made for each request."""
    _change_retries(lambda event: event | {"uniqueId": str(uuid.uuid4())})


def new_time_on_retry() -> None:
    """The time is that of the request."""
    _change_retries(lambda event: event | {"meterTimeInMillis": int(time.time() * 1000)})


def impatient() -> None:
    """Who waits too little sends what was stored, and as something new."""
    plain = requests.Session.request

    def request(self: requests.Session, *arguments: Any, **options: Any) -> Any:
        return plain(self, *arguments, **options | {"timeout": 0.5})

    requests.Session.request = request  # type: ignore[method-assign]
    new_id_on_retry()


def flushed_twice() -> None:
    """At the end everything is sent again, to be sure."""
    sent: list[Event] = []

    def send(client: service.IngestApiClient, events: list[Event]) -> str:
        sent.extend(events)
        return _SEND(client, events)

    stop = service.Sender.stop

    def stop_twice(self: service.Sender) -> None:
        stop(self)
        if sent:
            _SEND(self.client, [event | {"uniqueId": str(uuid.uuid4())} for event in sent])

    service.Sender.stop = stop_twice
    _change_requests(send)


# What is not sent, or not to Amberflo.


def silent() -> None:
    """Nothing is ever flushed."""
    service.Sender.send_waiting = lambda _: True


def wrong_key() -> None:
    """A key of another account."""
    os.environ["AMBERFLO_API_KEY"] += "x"


def another_host() -> None:
    """A name that is almost right."""
    IngestSession.root_url = "https://ingest.amberflo.com"


def no_trust() -> None:
    """A client that goes by authorities of its own."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        os.environ.pop(name, None)


def garbage() -> None:
    """What is sent is no JSON."""

    def send(client: service.IngestApiClient, events: list[Event]) -> str:
        key = client.client.session.headers["X-API-KEY"]
        url = f"{IngestSession.root_url}/ingest"
        requests.post(url, data=repr(events), headers={"X-API-KEY": key}, timeout=10)
        return "sent"

    _change_requests(send)


def flood() -> None:
    """Everything is sent again and again, as something new, until the process is told to end."""
    _end_at_once()

    def send(client: service.IngestApiClient, events: list[Event]) -> str:
        while True:
            _SEND(client, [event | {"uniqueId": f"u{next(_NUMBERS)}"} for event in events])

    _change_requests(send)


def never_up() -> None:
    """The service ends before it can be called."""
    sys.exit("no database")


def main() -> None:
    """Make the mistake, then serve."""
    globals()[sys.argv.pop(1)]()
    threading.excepthook = lambda _: None
    service.main()


if __name__ == "__main__":
    main()
