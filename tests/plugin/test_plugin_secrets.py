"""The key of the account never appears, whatever is asked for and whatever goes wrong."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from pytest_run import Run, Write

_KEY = 'sk-9/é+"Zq&7xW'
_FORMS = (
    _KEY,
    quote(_KEY, safe=""),
    json.dumps(_KEY)[1:-1],
    base64.b64encode(_KEY.encode()).decode(),
    base64.b64encode(f"user:{_KEY}".encode()).decode()[8:-4],
)


class Echoes(MeteringService):
    """Repeats the key wherever an answer has room for it."""

    def answer(
        self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Answer 400 with the key in every form."""
        problem: dict[str, Any] = {
            "message": f"bad key {_KEY}",
            "code": quote(_KEY, safe=""),
            "details": base64.b64encode(f"user:{_KEY}".encode()).decode(),
        }
        self.send(handler, 400, problem, headers={"X-Echo": quote(_KEY, safe="")})


@pytest.fixture(autouse=True)
def _workflow(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    monkeypatch.setenv("AMBERFLO_API_KEY", "a-key-for-everything-else")


def _check(texts: list[str]) -> None:
    for text in texts:
        assert [form for form in _FORMS if form in text] == []


def test_a_key_with_every_kind_of_character_is_masked(
    write: Write, run: Run, pytester: pytest.Pytester
) -> None:
    """Terminal, JUnit, trace and captured logs show `****`, for the raw key and encoded forms."""
    text = edit(
        INGEST_AND_QUERY,
        (
            "            customerId: $inputs.customerId\n",
            "            customerId: '{$inputs.apiKey}'\n",
        ),
        ("name: X-API-KEY\n            in: header", "name: X-API-KEY\n            in: header"),
    )
    write("ingest.arazzo.yaml", text)
    write(
        "conftest.py",
        "import logging\nimport pytest\n\n"
        f"KEY = {_KEY!r}\n\n"
        "@pytest.fixture\n"
        "def amberflo_inputs(amberflo_inputs):\n"
        "    inputs = amberflo_inputs | {'apiKey': 'x' * 9, 'customerId': KEY}\n"
        "    return inputs\n\n"
        "@pytest.fixture\n"
        "def amberflo_api_key():\n"
        "    return KEY\n",
    )
    text = edit(
        text,
        ("value: $inputs.apiKey", "value: plain"),
        ("'{$inputs.apiKey}'", "$inputs.customerId"),
    )
    text = edit(
        text, ("        customerId:\n", "        customerId:\n          format: password\n")
    )
    write("ingest.arazzo.yaml", text)
    with Echoes() as echo:
        result = run(
            "--amberflo-target",
            echo.url,
            "-vv",
            "--showlocals",
            "--log-level=DEBUG",
            "--junitxml=junit.xml",
            "--amberflo-trace=trace.json",
        )
        assert json.loads(echo.ingested[0])["customerId"] == _KEY
    result.assert_outcomes(failed=1)
    files = [pytester.path / name for name in ("junit.xml", "trace.json")]
    _check([result.stdout.str(), result.stderr.str(), *(f.read_text("utf-8") for f in files)])
    result.stdout.fnmatch_lines(["*bad key [*][*][*][*]*"])


def test_a_key_in_a_query_and_a_log_is_masked(write: Write, run_serially: Run) -> None:
    """A key in a URL is masked in the report and in the client's own log records."""
    key = "abc-123-the-key"
    text = edit(
        INGEST_AND_QUERY, ("in: header", "in: query"), ("format: password", "minLength: 1")
    )
    write("ingest.arazzo.yaml", text)
    write(
        "conftest.py",
        f"import pytest\n\n@pytest.fixture\ndef amberflo_api_key(): return {key!r}\n",
    )
    with MeteringService() as service:
        result = run_serially(
            "--amberflo-target",
            service.url,
            "--amberflo-severity=request=warn",
            "--log-level=DEBUG",
            "--log-cli-level=DEBUG",
            "--log-file=run.log",
            "-rA",
            "--amberflo-hold=0",
        )
        assert f"X-API-KEY={key}" in service.requests[0][1]
    text = result.stdout.str()
    assert key not in text
    assert "****" in text


def test_a_traceback_does_not_show_it(write: Write, run_serially: Run) -> None:
    """A fixture that breaks with the key in its locals and message is shown without it."""
    key = "abc-123-the-key"
    write(
        "conftest.py",
        "import pytest\n\n"
        f"@pytest.fixture\ndef amberflo_api_key(): return '{key[:4]}' + '{key[4:]}'\n\n"
        "@pytest.fixture\n"
        "def amberflo_inputs(amberflo_inputs):\n"
        "    key = amberflo_inputs['apiKey']\n"
        "    print('the key is', key)\n"
        "    raise RuntimeError(f'no use for {key}')\n",
    )
    result = run_serially("--showlocals", "--tb=long")
    result.assert_outcomes(errors=1)
    assert key not in result.stdout.str()
    result.stdout.fnmatch_lines(["*RuntimeError: no use for [*][*][*][*]"])


def test_the_made_key_is_masked_too(run_serially: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was made for the run is treated like any other."""
    monkeypatch.delenv("AMBERFLO_API_KEY")
    with Echoes() as echo:
        result = run_serially("--amberflo-target", echo.url)
        key = echo.requests[0][2]["x-api-key"]
    result.assert_outcomes(failed=1)
    assert key.startswith("pt-key-")
    assert key not in result.stdout.str()
