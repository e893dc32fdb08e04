"""Where requests go: the target, what it takes to leave this machine, and gates on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY, SHOP, SHOP_WORKFLOW, edit

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from pytest_run import Run, Write


@pytest.fixture(autouse=True)
def _workflow(write: Write) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)


def test_embedded_is_the_default(run: Run) -> None:
    """A bare pytest is offline and green, and says so."""
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["amberflo: target embedded, offline"])
    result.stdout.fnmatch_lines(["amberflo: 1 judged on embedded; 1 event sent, 0 re-sent; *"])


def test_the_shipped_description_stands_in_for_a_missing_file(
    run_serially: Run, write: Write
) -> None:
    """A report says so; with a file at that place, the file is used and nothing is said."""
    note = "amberflo: *openapi/amberflo-metering-openapi.yaml is not there; the description *"
    run_serially().stdout.fnmatch_lines([note])
    result = run_serially("-q")
    result.stdout.no_fnmatch_line(note)
    result.assert_outcomes(passed=1)


def test_the_users_own_description_is_used(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """A description at the named place is the law, with hosts of its own."""
    write("workflows/ingest.arazzo.yaml", INGEST_AND_QUERY)
    (pytester.path / "ingest.arazzo.yaml").unlink()
    write("openapi/amberflo-metering-openapi.yaml", MINIMAL)
    result = run_serially()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*is not there*")
    strict = edit(MINIMAL, ("schema: {type: string}", "schema: {type: integer}"))
    write("openapi/amberflo-metering-openapi.yaml", strict)
    result = run_serially()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['    $  "1 records were ingested" is a string, an integer is due']
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--amberflo-target=",), "amberflo: --amberflo-target is empty *"),
        (("--amberflo-target=embeded",), "*`embeded` is unknown; did you mean `embedded`? *"),
        (
            ("--amberflo-target=ftp://x",),
            "*takes a URL such as http://127.0.0.1:8787, not `ftp://x`",
        ),
        (("--amberflo-target=http://u:p@x",), "*a URL with a user or password would be shown *"),
        (
            ("--amberflo-target=live",),
            "amberflo: the target is live, and AMBERFLO_API_KEY is not set",
        ),
        (
            ("--amberflo-target=https://ingest.AMBERFLO.io.",),
            "amberflo: the target is live, and AMBERFLO_API_KEY is not set",
        ),
        (
            ("--amberflo-require=live",),
            "amberflo: --amberflo-require asks for `live`, but the target is embedded *",
        ),
        (("--amberflo-require=http://127.0.0.1:1",), "*asks for `http://127.0.0.1:1`, but *"),
        (("--amberflo-settle=soon",), "*--amberflo-settle takes seconds from 0, not `soon`"),
        (("--amberflo-severity=usge=off",), "*`usge` is unknown; did you mean `usage`? *"),
        (("--amberflo-variants=onse",), "*`onse` is unknown; did you mean `once`? *"),
        (("--amberflo-min-judged=-1",), "*--amberflo-min-judged takes a whole number, not `-1`"),
        (
            ("--amberflo-input-file=none.yaml",),
            "*--amberflo-input-file: there is no file none.yaml",
        ),
    ],
)
def test_a_wrong_setting_ends_the_run(
    run_serially: Run, arguments: tuple[str, ...], message: str
) -> None:
    """A usage error that names the option, before anything is collected."""
    result = run_serially(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


@pytest.mark.parametrize("name", ["AMBERFLO_TARGET", "AMBERFLO_API_KEY", "AMBERFLO_REQUIRE"])
def test_an_empty_variable_is_no_default(
    run_serially: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A CI variable that did not expand must not turn into a green offline run."""
    monkeypatch.setenv(name, "")
    result = run_serially()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: amberflo: {name} is empty (did a variable not expand?)"])


def test_a_target_off_this_machine_must_be_asked_for(
    run_serially: Run, pytester: pytest.Pytester
) -> None:
    """In ini it is a usage error: a checkout must not send events by itself."""
    pytester.makeini("[pytest]\namberflo_target = https://staging.example.com\n")
    result = run_serially()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*a target off this machine must be asked for *"])


def test_the_command_line_beats_the_environment_and_ini(
    run_serially: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, then environment, then ini."""
    pytester.makeini("[pytest]\namberflo_target = http://127.0.0.1:1\n")
    run_serially("--co").stdout.fnmatch_lines(["amberflo: target http://127.0.0.1:1"])
    monkeypatch.setenv("AMBERFLO_TARGET", "http://127.0.0.1:2")
    run_serially("--co").stdout.fnmatch_lines(["amberflo: target http://127.0.0.1:2"])
    result = run_serially("--amberflo-target=embedded", "--amberflo-require=embedded")
    result.assert_outcomes(passed=1)


def test_a_gate_that_judged_too_little_is_red(run_serially: Run) -> None:
    """`--amberflo-min-judged` counts items that were judged, not those that were skipped."""
    enough = run_serially("--amberflo-min-judged=1")
    assert enough.ret == pytest.ExitCode.OK
    result = run_serially("--amberflo-min-judged=2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["amberflo: 1 judged, at least 2 are asked for (--amberflo-min-judged)"]
    )
    nothing = run_serially("-k", "nothing", "--amberflo-min-judged=1")
    assert nothing.ret == pytest.ExitCode.TESTS_FAILED


def test_no_request_leaves_this_machine_unasked(write: Write, run_serially: Run) -> None:
    """A source elsewhere is refused with the option that would allow it."""
    write("shop.arazzo.yaml", SHOP_WORKFLOW)
    write("shop.yaml", SHOP.replace("URL", "https://api.shop.example"))
    result = run_serially("shop.arazzo.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  source `shop` would be called at https://api.shop.example. Only loopback and the "
            "target may be called. To allow it: --amberflo-allow-host api.shop.example"
        ]
    )


class Shop(MeteringService):
    """One's own service."""

    def answer(
        self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Answer any request with an order."""
        self.send(handler, 200, {"id": path.rpartition("/")[2], "lines": [{"sku": "A1"}]})


def test_one_source_can_be_served_elsewhere(write: Write, run_serially: Run) -> None:
    """`--amberflo-server` says where one source is, with a base path."""
    write("shop.arazzo.yaml", SHOP_WORKFLOW)
    write("shop.yaml", edit(SHOP, ("URL", "https://api.shop.example"), ("    get:", "    post:")))
    with Shop() as shop:
        result = run_serially("shop.arazzo.yaml", "-v", f"--amberflo-server=shop={shop.url}/v2")
        assert shop.requests[0][1] == "/v2/orders/7"
    result.assert_outcomes(passed=1)


def test_the_key_goes_to_the_target_only(
    write: Write, run_serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow cannot carry AMBERFLO_API_KEY to another host, allowed or not."""
    monkeypatch.setenv("AMBERFLO_API_KEY", "the-key-of-the-account")
    text = edit(
        SHOP_WORKFLOW,
        (
            '{type: string, default: "7"}',
            '{type: string, default: "7"}\n        apiKey: {type: string}',
        ),
        (
            "value: $inputs.id}",
            "value: $inputs.id}\n          - {name: X-Key, in: header, value: $inputs.apiKey}",
        ),
    )
    write("shop.arazzo.yaml", text)
    write("shop.yaml", SHOP.replace("URL", "http://api.shop.example"))
    result = run_serially("shop.arazzo.yaml", "--amberflo-allow-host=api.shop.example")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["  AMBERFLO_API_KEY would be sent to api.shop.example; only the target may get it"]
    )


MINIMAL = """\
openapi: 3.1.0
info: {title: A stranger's description, version: "7"}
servers:
  - url: https://app.amberflo.io
security:
  - key: []
paths:
  /ingest:
    post:
      operationId: ingestMeterEvents
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: string}}}}
  /usage:
    post:
      operationId: queryUsage
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object}}}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-KEY}
"""
