"""`metering.expect()`: a block of a Python test in which a service is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metering_service import MeteringService

if TYPE_CHECKING:
    import pytest
    from pytest_run import Run

_FAST = ("--amberflo-quiet=0.2", "--amberflo-settle=0.4", "--amberflo-hold=0")
_CONFTEST = """
    import json
    import time
    from http.client import HTTPConnection
    from threading import Thread

    import pytest

    @pytest.fixture
    def call(amberflo_url, amberflo_api_key, amberflo_customer_id):
        '''Calls a service that meters, some time later.'''
        def call(value=3, uid="a", later=0.0, **members):
            event = {
                "meterApiName": "api-calls",
                "customerId": amberflo_customer_id,
                "meterValue": value,
                "meterTimeInMillis": int(time.time() * 1000),
                "uniqueId": uid,
            } | members
            headers = {"X-API-KEY": amberflo_api_key, "Content-Type": "application/json"}
            def send():
                time.sleep(later)
                connection = HTTPConnection(amberflo_url.removeprefix("http://"))
                connection.request("POST", "/ingest", json.dumps(event), headers)
                connection.getresponse().read()
                connection.close()
            senders.append(Thread(target=send))
            senders[-1].start()
            return {"id": uid, "tokens": value}
        senders = []
        yield call
        # One that is still at it would find that the server is gone.
        for sender in senders:
            sender.join()
"""


def test_a_block_meters_what_it_says(pytester: pytest.Pytester, run: Run) -> None:
    """Values beforehand or from the answer, several customers, late ones, and nothing at all."""
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(
        """
        def test_values(metering, call):
            with metering.expect(3, 4):
                call(3, "a")
                call(4, "b", later=0.3)
            with metering.expect():
                pass

        def test_answer(metering, call):
            with metering.expect() as due:
                answer = call(5)
                due.add(answer["tokens"], match={"uniqueId": answer["id"]})

        def test_fields(metering, call):
            other = metering.new_customer()
            with metering.expect(1, meter="m", customer=other, dimensions={"region": "eu"}):
                call(1, meterApiName="m", customerId=other, dimensions={"region": "eu"})
        """
    )
    run(*_FAST).assert_outcomes(passed=3)


def test_what_a_block_does_not_say_fails(pytester: pytest.Pytester, run_serially: Run) -> None:
    """With the findings and the table, and no frame of ours."""
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(
        """
        def test_wrong(metering, call):
            with metering.expect(3, 4):
                call(3000)

        def test_nothing_due(metering, call):
            with metering.expect():
                call(1)

        def test_of_its_own(metering, call):
            with metering.expect(1):
                assert False
        """
    )
    result = run_serially(*_FAST)
    result.assert_outcomes(failed=3)
    # Newer versions of Python have pytest mark the call below it.
    result.stdout.fnmatch_lines([">       with metering.expect(3, 4):"])
    result.stdout.fnmatch_lines(
        [
            "E       pytest_amberflo.desk.MeteringFailure: the block: wrong unit: value is 3000; "
            "3 is due, so it is 1000 times what is due.",
            "E       the block: api-calls 4 was due, and never came.",
            "E       ",
            "E         call        due           came",
            "E         the block   api-calls 3   api-calls 3000  uniqueId=a  customer=pt-*-1  "
            "at ??:??:??.???",
            "E                     api-calls 4   nothing",
            "E       ",
            "E       requests to ingest",
            "E         ??:??:??.???  1 event  200",
            "",
            "test_what_a_block_does_not_say_fails.py:2: MeteringFailure",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(
        ["E *the block: api-calls 1 at * (uniqueId a) came, and it is to meter nothing."]
    )


def test_a_customer_that_others_use_is_judged_by_events(
    pytester: pytest.Pytester, run_serially: Run
) -> None:
    """Its usage is somebody else's, too; elsewhere nothing can be said of it."""
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(
        """
        def test_before(call, amberflo_server):
            call(7, customerId="acme")
            amberflo_server.wait_for(1, customerId="acme")

        def test_right(metering, call):
            with metering.expect(3, customer="acme"):
                call(3, "b", customerId="acme")

        def test_wrong(metering, call):
            with metering.expect(3, customer="acme"):
                call(4, "c", customerId="acme")
        """
    )
    result = run_serially(*_FAST)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["E *the block: wrong value: value is 4; 3 is due (+1)."])
    with MeteringService() as target:
        arguments = ("--amberflo-target", target.url, "-k", "right")
        result = run_serially(*_FAST, *arguments)
    result.stdout.fnmatch_lines(["E *unverified: usage of customer acme from before is not *"])


def test_a_block_on_another_target(pytester: pytest.Pytester, run_serially: Run) -> None:
    """Usage alone is judged, and the report says so."""
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(
        """
        def test_right(metering, call):
            with metering.expect(3):
                call(3)

        def test_wrong(metering, call):
            with metering.expect(3):
                call(4)
        """
    )
    with MeteringService() as target:
        result = run_serially(*_FAST, "--amberflo-target", target.url, "-rP")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*judged by usage alone: what the service sent cannot be seen*"])
    result.stdout.fnmatch_lines(["E *usage of meter api-calls: 3 expected, 4 seen.*"])


def test_the_flush_hook_is_called_for_a_block(
    pytester: pytest.Pytester, run_serially: Run
) -> None:
    """Before what came is judged."""
    pytester.makeconftest(
        _CONFTEST
        + """
    held = []

    @pytest.fixture
    def hold(call):
        return lambda *arguments: held.append((call, arguments))

    def pytest_amberflo_flush_emitter(item):
        while held:
            call, arguments = held.pop()
            call(*arguments)
"""
    )
    pytester.makepyfile(
        """
        def test_held(metering, hold):
            with metering.expect(3):
                hold(3)
        """
    )
    run_serially(*_FAST).assert_outcomes(passed=1)
