"""The fixtures `amberflo_service` and `amberflo_servers`: the service under test as a process."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from workflow_text import SHOP, SHOP_WORKFLOW

if TYPE_CHECKING:
    from pytest_run import Run

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_SHOP = """
    import os, signal, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"id": "7", "lines": [{"sku": "cup"}]}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with open("starts", "a") as starts:
        starts.write(os.environ["HTTPS_PROXY"] + "\\n")
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
"""
_CONFTEST = """
    import sys
    from pathlib import Path
    import pytest
    from pytest_amberflo.service import restart

    @pytest.fixture(scope="session")
    def amberflo_servers(amberflo_service):
        command = [sys.executable, *{words!r}]
        return {{"shop": amberflo_service(command, folder=Path.cwd(), start_s=2).url}}
"""


def _lay_out(pytester: pytest.Pytester, *words: str) -> None:
    pytester.makepyfile(shop=_SHOP)
    pytester.makeconftest(_CONFTEST.format(words=words))
    (pytester.path / "shop.yaml").write_text(SHOP.replace("URL", "https://shop.test"))
    (pytester.path / "shop.arazzo.yaml").write_text(SHOP_WORKFLOW)


def test_workflows_find_the_service(pytester: pytest.Pytester, run_serially: Run) -> None:
    """On a port of its own; it can be restarted, and ends with the session."""
    _lay_out(pytester, "shop.py", "{port}")
    pytester.makepyfile(
        test_restart="""
        import urllib.request
        from pytest_amberflo.service import restart

        def test_it(request, amberflo_servers, amberflo_emitter_env):
            assert urllib.request.urlopen(amberflo_servers["shop"]).status == 200
            assert restart(request.node)
            assert urllib.request.urlopen(amberflo_servers["shop"]).status == 200
            with open("url", "w") as file:
                file.write(amberflo_servers["shop"])
        """
    )
    run_serially("--amberflo-input", "id=7").assert_outcomes(passed=2)
    starts = (pytester.path / "starts").read_text().splitlines()
    assert len(starts) == 2
    assert starts[0].startswith("http://127.0.0.1:")
    port = int((pytester.path / "url").read_text().rpartition(":")[2])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-c", "import sys; sys.exit('no database')", "{port}"), "it ended with 1 after *"),
        (
            ("-c", "import time; time.sleep(60)", "{port}"),
            "it did not listen on port * within 2 s",
        ),
    ],
)
def test_a_service_that_does_not_start(
    pytester: pytest.Pytester, run_serially: Run, words: tuple[str, ...], reason: str
) -> None:
    """The error says which command it was, why, and what it printed; in time."""
    _lay_out(pytester, *words)
    result = run_serially("--amberflo-input", "id=7")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"the service did not start: {reason}", "  *python* -c *"])
    if "ended" in reason:
        result.stdout.fnmatch_lines(["  it printed:", "    no database"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("(['no-such-program', '{port}'])", "the service did not start: *No such file*"),
        ("(['sleep', '9'])", "amberflo_service: give the port that the service listens on*"),
        ("(['sleep', '9'], port=PORT)", "the service did not start: port * is taken by another*"),
    ],
)
def test_what_cannot_be_started(
    pytester: pytest.Pytester, run_serially: Run, call: str, message: str
) -> None:
    """Each has its sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        call = call.replace("PORT", str(taken.getsockname()[1]))
        pytester.makepyfile(f"def test_it(amberflo_service): amberflo_service{call}")
        result = run_serially()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{message}"])


def test_servers_that_are_no_urls(pytester: pytest.Pytester, run_serially: Run) -> None:
    """The item says what the fixture gave; the command line beats the fixture."""
    _lay_out(pytester, "shop.py", "{port}")
    conftest = "import pytest\n\n@pytest.fixture\ndef amberflo_servers(): return {}\n"
    for given, message in (
        ('{"shop": "shop.test"}', "the fixture amberflo_servers, shop takes a URL such as*"),
        ('["shop"]', "the fixture amberflo_servers gives *; a mapping of URLs by source is due"),
        ('{"shop": "http://shop.test"}', "*source `shop` is given at http://shop.test*"),
    ):
        pytester.makeconftest(conftest.replace("{}", given))
        result = run_serially("--amberflo-input", "id=7")
        assert result.ret == 1
        result.stdout.fnmatch_lines([message])
    option = ("--amberflo-server", "shop=http://127.0.0.1:1")
    result = run_serially("--amberflo-input", "id=7", *option)
    result.stdout.fnmatch_lines(["*127.0.0.1:1*"])
