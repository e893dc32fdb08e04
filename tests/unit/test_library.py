"""The engine as programs use it: a document, a transport, a clock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from workflow_text import SHOP, SHOP_WORKFLOW, edit

from pytest_amberflo import arazzo
from pytest_amberflo.arazzo import (
    DocumentError,
    InputsRefusedError,
    Limits,
    NoResponseError,
    Outcome,
    Request,
    Response,
    lint_workflows,
    load_workflows,
    run_workflow,
)

if TYPE_CHECKING:
    from pathlib import Path


class _Clock:
    """Waits in no time."""

    def __init__(self) -> None:
        self.moment = 0.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


class _Shop:
    """Answers with these statuses in turn, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[str, str, float | None]] = []

    def __call__(self, request: Request, timeout_s: float | None) -> Response:
        self.requests.append((request.method, request.url, timeout_s))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        body = json.dumps({"id": "7", "lines": [{"sku": "cup"}]}).encode()
        return Response(status=status, headers=(("Content-Type", "application/json"),), body=body)


_RETRY = (
    "        outputs:\n",
    "        onFailure:\n"
    "          - {name: again, type: retry, retryAfter: 3600, retryLimit: 5}\n"
    "        outputs:\n",
)


def _write(folder: Path, *changes: tuple[str, str]) -> Path:
    (folder / "shop.yaml").write_text(SHOP.replace("URL", "https://shop.example/v1"))
    path = folder / "shop.arazzo.yaml"
    path.write_text(edit(SHOP_WORKFLOW, *changes), encoding="utf-8")
    return path


def test_a_workflow_runs_through_the_callers_transport(tmp_path: Path) -> None:
    """Requests go to the description's server; outputs come back."""
    shop = _Shop(200)
    result = run_workflow(load_workflows(_write(tmp_path)), "read-order", transport=shop)
    assert result.outcome is Outcome.PASSED
    assert dict(result.outputs) == {"sku": "cup"}
    assert shop.requests == [("GET", "https://shop.example/v1/orders/7", None)]


def test_the_callers_clock_waits(tmp_path: Path) -> None:
    """An hour between retries passes on the clock that was given."""
    clock, shop = _Clock(), _Shop(503, 503, 200)
    document = load_workflows(_write(tmp_path, _RETRY))
    result = run_workflow(document, "read-order", transport=shop, clock=clock)
    assert result.outcome is Outcome.PASSED
    assert [step.attempt for step in result.steps] == [1, 2, 3]
    assert clock.moment == 7200


def test_servers_go_before_the_description(tmp_path: Path) -> None:
    """A source is called where the caller says."""
    shop = _Shop(200)
    run_workflow(
        load_workflows(_write(tmp_path)),
        "read-order",
        {"id": "a/b"},
        transport=shop,
        servers={"shop": "http://127.0.0.1:9/"},
    )
    assert shop.requests[0][1] == "http://127.0.0.1:9/orders/a%2Fb"


def test_a_request_without_a_response_is_a_failed_step(tmp_path: Path) -> None:
    """What a transport cannot do is in the result, not an exception."""

    def refuse(_request: Request, _timeout_s: float | None) -> Response:
        raise NoResponseError("the line is dead", sent=False)

    result = run_workflow(load_workflows(_write(tmp_path)), "read-order", transport=refuse)
    assert result.outcome is Outcome.FAILED
    exchange = result.steps[0].exchange
    assert exchange is not None
    assert exchange.failure is not None
    assert (exchange.failure.message, exchange.failure.sent) == ("the line is dead", False)


def test_limits_end_a_loop(tmp_path: Path) -> None:
    """A goto that goes round is ended, and the round is shown."""
    loop = (
        "        outputs:\n",
        "        onSuccess: [{name: round, type: goto, stepId: read}]\n        outputs:\n",
    )
    document = load_workflows(_write(tmp_path, loop))
    shop = _Shop(200)
    result = run_workflow(document, "read-order", transport=shop, limits=Limits(steps=20))
    assert result.outcome is Outcome.ERROR
    assert str(result.error) == (
        "more than 20 steps; it was going read-order.read -> read-order.read"
    )
    assert len(shop.requests) == 20


def test_problems_are_values(tmp_path: Path) -> None:
    """Lint lists what loading refuses, each with its place."""
    path = _write(tmp_path, ("operationId: getOrder", "operationId: getOrdr"))
    (problem,) = lint_workflows(path)
    assert problem.span is not None
    assert (problem.span.line, problem.suggestion) == (13, "getOrder")
    with pytest.raises(DocumentError, match="getOrdr"):
        load_workflows(path)
    assert lint_workflows(_write(tmp_path)) == ()


def test_a_web_address_is_fetched_only_by_the_caller(tmp_path: Path) -> None:
    """Without `fetch` nothing leaves; with it, its bytes are the description."""
    change = ("url: shop.yaml", "url: https://shop.example/openapi.yaml")
    path = _write(tmp_path, change)
    (problem,) = lint_workflows(path)
    assert "nothing was given to fetch it with" in problem.message
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return SHOP.replace("URL", "https://shop.example/v1").encode()

    assert lint_workflows(path, fetch=fetch) == ()
    assert asked == ["https://shop.example/openapi.yaml"]


def test_inputs_and_names_are_checked_before_a_request(tmp_path: Path) -> None:
    """Wrong inputs and unknown workflows raise; nothing is sent."""
    document, shop = load_workflows(_write(tmp_path)), _Shop(200)
    with pytest.raises(InputsRefusedError, match=r"\$\.id: 7 is not of type 'string'"):
        run_workflow(document, "read-order", {"id": 7}, transport=shop)
    with pytest.raises(LookupError, match="did you mean `read-order`"):
        run_workflow(document, "read-ordr", transport=shop)
    assert shop.requests == []


def test_a_source_without_a_host_is_refused(tmp_path: Path) -> None:
    """A relative server URL leads nowhere until the caller says where."""
    path = _write(tmp_path)
    (tmp_path / "shop.yaml").write_text(SHOP.replace("URL", "/v1"))
    shop = _Shop(200)
    result = run_workflow(load_workflows(path), "read-order", transport=shop)
    assert result.steps[0].refusal == (
        "source `shop` does not say where it is: /v1/orders/7; `servers` can"
    )
    assert shop.requests == []


@pytest.mark.parametrize("name", arazzo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """`__all__` and what can be imported agree."""
    assert getattr(arazzo, name) is not None
    assert name in dir(arazzo)


def test_other_names_are_not() -> None:
    """A misspelt name is an AttributeError."""
    with pytest.raises(AttributeError, match="has no attribute 'load_workflow'"):
        arazzo.__getattr__("load_workflow")
