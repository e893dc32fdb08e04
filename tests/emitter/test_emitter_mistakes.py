"""The example's workflows find each mistake, and call it by its name."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_ROOT = Path(__file__).parents[2]
_EXAMPLE = _ROOT / "examples" / "translation"
_PROGRAM = Path(__file__).with_name("mistakes.py")
_WORKFLOW = "each-call-is-metered-once"
#: So many runs of pytest at once: they mostly wait.
_LANES = 3

#: Mistake, the variant that shows it, and what its finding says.
MISTAKES = (
    ("seconds_for_milliseconds", "once", r"seconds sent where milliseconds are due"),
    ("microseconds", "once", r"microseconds sent where milliseconds are due"),
    ("value_as_text", "once", r'value sent as text: "18"; the number 18 is due'),
    ("float_noise", "once", r"float noise: value is 0\.30000000000000004; 0\.3 is due"),
    ("milliseconds_for_seconds", "once", r"wrong unit: value is 300; 0\.3 is due"),
    ("rounded_up", "once", r"rounded: value is 1; 0\.3 is due"),
    ("another_field", "once", r"wrong value: value is 3; 18 is due"),
    ("no_unique_id", "once", r"no uniqueId: api-calls 1"),
    ("colliding_ids", "once", r"uniqueId `1-api-calls` is that of translate, too"),
    ("identical_records", "once", r"translate.* sent identical records: nothing tells them apart"),
    ("undeclared_meter", "once", r"undeclared meter `api-call`: did you mean `api-calls`"),
    ("clock_ahead", "once", r"clock (40|39) s ahead"),
    ("missing_dimension", "once", r"dimension language is missing; `de` is due"),
    ("wrong_dimension", "once", r"dimension language is `en`; `de` is due"),
    ("name_for_id", "once", r"wrong customer: .* is for `Customer .*`; `pt-.*` is due"),
    ("wrong_customer_at_once", "once", r"wrong customer: .*, the customer of another call"),
    ("failures_metered", "once", r"refuse: .* came, and the call .*422.* is to meter nothing"),
    ("cache_not_metered", "once", r"translateFromCache: characters 18 was due, and never came"),
    ("metered_twice", "once", r"metered twice in one request: the second minted a new uniqueId"),
    ("repeats_metered", "repeat", r"the repeated call was metered again"),
    ("given_up", "unavailable", r"the batch was dropped after 2 tries"),
    ("never_again", "unavailable", r"was sent once, was answered 503, and was not sent again"),
    ("throttling_is_final", "throttled", r"sent once, was answered 429, and was not sent again"),
    ("new_id_on_retry", "lost-answer", r"the retry minted a new uniqueId"),
    ("new_time_on_retry", "lost-answer", r"the retry re-stamped the time: two records"),
    ("impatient", "slow", r"the retry minted a new uniqueId"),
    ("flush_lost", "restart", r"lost flush: .* the service was restarted after the call"),
    ("flushed_twice", "restart", r"metered twice: the second minted a new uniqueId"),
    ("tail_dropped", "once", r"a batch that is not full was not sent"),
    ("silent", "once", r"nothing at all came"),
    ("wrong_key", "once", r"was refused with 401: the sender does not have the API key"),
    ("another_host", "once", r"ingest\.amberflo\.com"),
    ("no_trust", "once", r"does not trust the server's certificate"),
    ("garbage", "once", r"a request that is no JSON did"),
    ("flood", "once", r"flood: 8 events were due, and \d+ came"),
    ("never_up", "once", r"the service did not start: it ended with 1(.|\n)*no database"),
)
_OWN_SERVICE = """

@pytest.fixture
def amberflo_service(amberflo_service):
    yield amberflo_service
    amberflo_service.close()
"""


@dataclass(frozen=True)
class Lane:
    """Items that one run of pytest runs."""

    folder: Path
    nodes: tuple[str, ...]

    def run(self) -> dict[str, str]:
        """What each item says, by its node; nothing where it is green."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-q"]
        command += ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist"]
        command += ["--amberflo-quiet", "0.3", "--amberflo-settle", "2"]
        command += ["--junitxml", "report.xml", *self.nodes]
        printed = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=170, check=False
        ).stdout
        try:
            suite = ET.parse(self.folder / "report.xml").getroot()
        except OSError:
            return dict.fromkeys(self.nodes, printed)
        texts = {}
        for node, case in zip(self.nodes, suite.iter("testcase"), strict=True):
            problems = [found for found in case if found.tag in ("failure", "error", "skipped")]
            texts[node] = "\n".join(found.text or found.tag for found in problems)
        return texts


def _lay_out(folder: Path, name: str) -> Path:
    """A copy of the example that starts the service with a mistake."""
    (folder / "workflows").mkdir(parents=True)
    for file in ("openapi.yaml", "workflows/translations.arazzo.yaml"):
        (folder / file).write_bytes((_EXAMPLE / file).read_bytes())
    text = (_EXAMPLE / "conftest.py").read_text(encoding="utf-8")
    program = f"{_PROGRAM} {name}"
    text, count = re.subn(r"^_PROGRAM = .*", f"_PROGRAM = {program!r}", text, flags=re.MULTILINE)
    assert count == 1
    # Each service ends with its item.
    text = text.replace('scope="session"', 'scope="function"')
    text += _OWN_SERVICE
    (folder / "conftest.py").write_text(text, encoding="utf-8")
    return folder


def _node(folder: str, variant: str) -> str:
    return f"{folder}/workflows/translations.arazzo.yaml::{_WORKFLOW}::{variant}"


def _run(root: Path, wanted: list[tuple[str, str]]) -> dict[str, str]:
    """What the items say, run side by side; wanted are their folders and variants."""
    lanes = []
    for number in range(_LANES):
        share = wanted[number::_LANES]
        folder = root / f"lane-{number}"
        for name in {name for name, _ in share}:
            _lay_out(folder / name, name)
        lanes.append(Lane(folder, tuple(_node(name, variant) for name, variant in share)))
    found: dict[str, str] = {}
    with ThreadPoolExecutor(_LANES) as pool:
        for texts in pool.map(Lane.run, lanes):
            found |= texts
    return found


def test_each_mistake_is_named(tmp_path: Path) -> None:
    """By a sentence of its own. That the right service is green: see `test_ci_recipes.py`."""
    texts = _run(tmp_path, [(name, variant) for name, variant, _ in MISTAKES])
    wrong = []
    for name, variant, pattern in MISTAKES:
        text = texts[_node(name, variant)]
        if not re.search(pattern, text):
            wrong.append(f"=== {name}, {variant}: not /{pattern}/\n{text or 'green'}")
    assert not wrong, "\n\n".join(wrong)
