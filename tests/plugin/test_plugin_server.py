"""The fixture `amberflo_server`: a test makes the embedded server fail and looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from pytest_run import Run

_TEST = """
    import time
    import httpx
    import pytest
    from pytest_amberflo.control import ControlError

    def send(url, key, customer, value=1):
        event = {
            "meterApiName": "m",
            "customerId": customer,
            "meterValue": value,
            "meterTimeInMillis": int(time.time() * 1000) - 5000,
            "dimensions": {"region": "eu"},
        }
        headers = {"X-API-KEY": key}
        return httpx.post(f"{url}/ingest", json=event, headers=headers, verify=False)

    def usage(url, key, customer):
        now = int(time.time())
        query = {
            "meterApiName": "m",
            "timeRange": {"startTimeInSeconds": now - 9000, "endTimeInSeconds": now + 9000},
            "filter": {"customerId": [customer]},
        }
        headers = {"X-API-KEY": key}
        answer = httpx.post(f"{url}/usage", json=query, headers=headers, verify=False)
        return sum(group["groupValue"] for group in answer.json()["clientMeters"])

    def test_faults(amberflo_server, amberflo_url, amberflo_api_key, amberflo_customer_id):
        me = (amberflo_url, amberflo_api_key, amberflo_customer_id)
        other = (amberflo_url, amberflo_api_key, "somebody-else")
        amberflo_server.set_fault("status", status=429, retryAfter=3, times=1)
        refused = send(*me)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
        assert send(*other).status_code == 200
        assert send(*me).status_code == 200
        number = amberflo_server.set_fault("lost-answer")
        with pytest.raises(httpx.RemoteProtocolError):
            send(*me, 2)
        struck = [f["struck"] for f in amberflo_server.list_faults() if f["id"] == number]
        assert struck == [1]
        amberflo_server.remove_fault(number)
        assert usage(*me) == 3
        found = amberflo_server.wait_for(2)
        assert [event["meterValue"] for event in found.events] == [1, 2]
        assert amberflo_server.received(**{"dimensions.region": "us"}).count == 0
        with pytest.raises(ControlError, match="2 of 3 records were received within 0.1 s"):
            amberflo_server.wait_for(3, timeout=0.1)
        with pytest.raises(ControlError, match="kind must be one of"):
            amberflo_server.set_fault("odd")

    def test_lag(amberflo_server, amberflo_url, amberflo_api_key, amberflo_customer_id):
        me = (amberflo_url, amberflo_api_key, amberflo_customer_id)
        amberflo_server.set_lag(3600)
        send(*me)
        assert usage(*me) == 0
        before = amberflo_server.now()
        assert amberflo_server.advance(3601) >= before + 3601
        assert usage(*me) == 1

    def test_own_faults_are_gone(amberflo_server, amberflo_customer_id):
        amberflo_server.set_fault("drop")
        amberflo_server.close()
        left = [fault["customer"] for fault in amberflo_server.list_faults()]
        assert amberflo_customer_id not in left
"""


def test_a_test_controls_the_server(pytester: pytest.Pytester, run: Run) -> None:
    """Faults, lag and clock, and what was received; nothing of it outlives its test."""
    pytester.makepyfile(_TEST)
    run().assert_outcomes(passed=3)


def test_another_target_is_not_controlled(pytester: pytest.Pytester, run_serially: Run) -> None:
    """The test is skipped, and says why."""
    pytester.makepyfile("def test_it(amberflo_server):\n    pass\n")
    result = run_serially("--amberflo-target", "http://127.0.0.1:9", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*controls the embedded server; the target is http://127*"])
