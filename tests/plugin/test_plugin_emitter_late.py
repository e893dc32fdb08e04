"""A sender that takes its time to send again what it got no answer for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_run import Run

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_SERVICE = """
    import json, os, ssl, sys, threading, time, urllib.request, uuid
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    def send(event):
        while True:
            request = urllib.request.Request(
                "https://ingest.amberflo.io/ingest", json.dumps(event).encode(),
                {"X-API-KEY": os.environ["AMBERFLO_API_KEY"]},
            )
            try:
                urllib.request.urlopen(request, timeout=10).read()
                return
            except OSError:
                time.sleep(1.2)
                if RETRY == "new":
                    event["uniqueId"] = str(uuid.uuid4())

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            event = {
                "meterApiName": "orders-read", "meterValue": 1, "uniqueId": str(uuid.uuid4()),
                "customerId": self.headers["X-Customer"],
                "meterTimeInMillis": int(time.time() * 1000),
            }
            threading.Thread(target=send, args=(event,), daemon=True).start()
            body = b'{"id": "7"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
"""
_WORKFLOW = """\
arazzo: 1.0.1
info: {title: t, version: "1"}
sourceDescriptions: [{name: shop, url: shop.yaml, type: openapi}]
workflows:
  - workflowId: read
    inputs: {type: object, required: [customerId], properties: {customerId: {type: string}}}
    steps:
      - stepId: read
        operationId: readOrder
        parameters: [{name: X-Customer, in: header, value: $inputs.customerId}]
        x-amberflo:
          meters: [{meter: orders-read, customer: $inputs.customerId, value: 1}]
"""
_DESCRIPTION = """\
openapi: 3.1.0
info: {title: t, version: "1"}
servers: [{url: "https://shop.test"}]
paths:
  /order:
    get:
      operationId: readOrder
      parameters: [{name: X-Customer, in: header, schema: {type: string}}]
      responses: {"200": {description: "An order."}}
"""
_CONFTEST = f"""
    import pytest

    @pytest.fixture(scope="session")
    def amberflo_servers(amberflo_service):
        return {{"shop": amberflo_service([{sys.executable!r}, "service.py", "{{port}}"]).url}}
"""


@pytest.mark.parametrize("retry", ["same", "new"])
def test_a_late_retry_is_waited_for(
    pytester: pytest.Pytester, run_serially: Run, retry: str
) -> None:
    """It belongs to its own item: there a new id is found, and the next item is left alone."""
    pytester.makepyfile(service=_SERVICE.replace("RETRY ==", f'"{retry}" =='))
    pytester.makeconftest(_CONFTEST)
    (pytester.path / "shop.yaml").write_text(_DESCRIPTION)
    (pytester.path / "shop.arazzo.yaml").write_text(_WORKFLOW)
    variants = "--amberflo-emitter-variants=lost-answer,slow"
    result = run_serially("-v", variants, "--amberflo-quiet=0.2", "--amberflo-settle=1.2")
    if retry == "same":
        result.assert_outcomes(passed=2)
    else:
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*::lost-answer FAILED*", "*::slow PASSED*"])
        result.stdout.fnmatch_lines("read: the retry minted a new uniqueId*")
