"""The fixture `amberflo_emitter_env`: an unmodified service in a process of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_run import Run

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_TEST = """
    import os
    import subprocess
    import sys
    import time

    import pytest

    SERVICE = '''
    import json, os, sys, urllib.error, urllib.request
    event = {
        "meterApiName": "m", "customerId": sys.argv[1], "meterValue": 1,
        "meterTimeInMillis": int(sys.argv[2]),
    }
    for host in ("ingest.amberflo.io", "api.stripe.test"):
        headers = {"X-API-KEY": os.environ["AMBERFLO_API_KEY"]}
        request = urllib.request.Request(
            f"https://{host}/ingest", json.dumps(event).encode(), headers
        )
        try:
            print(urllib.request.urlopen(request, timeout=10).read().decode())
        except urllib.error.URLError as error:
            print(error)
    '''

    def run_service(environment, customer):
        command = [sys.executable, "-c", SERVICE, customer, str(int(time.time() * 1000))]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=30
        )
        assert done.stderr == ""
        return done.stdout

    @pytest.mark.parametrize("number", range(2))
    def test_service(amberflo_emitter_env, amberflo_server, amberflo_customer_id, number):
        printed = run_service(amberflo_emitter_env, amberflo_customer_id)
        assert '"1 records were ingested"' in printed
        assert "Tunnel connection failed: 403" in printed
        assert amberflo_server.received().count == 1
        assert "api.stripe.test" in [call.host for call in amberflo_server.refused()]

    def test_distrust(amberflo_emitter_env, amberflo_server):
        without = {k: v for k, v in amberflo_emitter_env.items() if k != "SSL_CERT_FILE"}
        run_service(without, "nobody")
        texts = [call.text for call in amberflo_server.refused() if call.reason == "tls"]
        assert "the client does not trust the server's certificate" in texts[0]
        assert amberflo_server.received(customerId="nobody").count == 0
"""


def test_a_service_reaches_the_server(pytester: pytest.Pytester, run: Run) -> None:
    """With nothing but its environment; what went elsewhere is known to the test."""
    pytester.makepyfile(_TEST)
    run().assert_outcomes(passed=3)


def test_nothing_stays(pytester: pytest.Pytester, run: Run) -> None:
    """The run's authority is gone with the run, and so are its files."""
    pytester.makepyfile(
        """
        from pathlib import Path

        def test_note(amberflo_emitter_env):
            file = amberflo_emitter_env["NODE_EXTRA_CA_CERTS"]
            assert Path(file + ".key").exists()
            Path("where").write_text(file)
        """
    )
    run().assert_outcomes(passed=1)
    assert not (pytester.path / (pytester.path / "where").read_text()).parent.exists()


def test_another_target(pytester: pytest.Pytester, run_serially: Run) -> None:
    """Where the embedded server is not the target, the test is skipped, and says why."""
    pytester.makepyfile("def test_skipped(amberflo_emitter_env): ...")
    result = run_serially("--amberflo-target", "http://127.0.0.1:1", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines("*leads to the embedded server; the target is http://127.0.0.1:1")


def test_without_the_library(
    pytester: pytest.Pytester, run_serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test that needs it fails with the command that installs it."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "pytest_amberflo.server.certificate", raising=False)
    pytester.makepyfile("def test_it(amberflo_emitter_env): ...")
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        "*amberflo_emitter_env: to speak TLS, the server needs the library cryptography: "
        'pip install "pytest-amberflo[[]tls[]]"'
    )
    result.stdout.no_fnmatch_line("*Traceback*")
