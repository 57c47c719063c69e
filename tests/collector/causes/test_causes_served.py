"""Causes over HTTP: for programs, and on the page with links to the results they rest on."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from collector.causes import kept
from collector.causes.model import Cause, Causes, Certainty, Observed, Strength
from collector.store.interface import Batch
from tests.collector.conftest import MONDAY, Serving
from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid7

NASTY = "<script>alert(1)</script>"
EVIDENCE_ID = uuid7(int(MONDAY.timestamp() * 1000), 5)
OLD_ID = "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0007"


@pytest.fixture
def causes(monkeypatch: pytest.MonkeyPatch) -> Causes:
    """What is found at every school."""
    cause = Cause(
        finding_id="half_duplex",
        segment="core_switch",
        place="core ge1",
        owner="integrator",
        certainty=Certainty.PAST,
        strength=Strength.TOLD,
        confidence=0.93,
        confidence_count=41,
        observed=(
            Observed(
                what="port_is_half_duplex",
                figures={"port": "core ge1"},
                speaks_for=True,
                result_ids=(EVIDENCE_ID,),
            ),
        ),
        confirm=("look_at_port",),
        measures=("duplex_fix",),
        last_seen=date(2026, 5, 11),
        explains=("port_errors",),
    )
    found = Causes(causes=(cause,), looked_at={"half_duplex": True, "loop": False})
    monkeypatch.setattr(kept, "school_causes", lambda *_, **__: found)
    return found


@pytest.fixture
def put(serving: Serving, make: Any) -> Callable[[str], None]:
    """Store a report of a device whose name is hostile, under an id."""

    def work(result_id: str) -> None:
        record = make.record(
            serving.agent_id,
            result_id=result_id,
            probe="snmp",
            values={"system_name": NASTY, "ports": [{"port": NASTY}], "cpu_ratio": 0.97},
            context={"profile": "any"},
        )
        row = make.row(
            agent_id=serving.agent_id,
            result_id=result_id,
            probe="snmp",
            started_at=MONDAY,
            outcome=Outcome.OK,
            record=encode(record),
        )
        serving.store.submit(Batch(serving.agent_id, MONDAY, [row], [])).result(10)

    return work


@pytest.mark.usefixtures("causes")
def test_the_api_gives_all_of_a_cause(serving: Serving) -> None:
    """As it was found; what cannot be told beside it; no such school is 404."""
    desk = serving.desk("viewer")
    answer = desk.get("/v1/schools/A1/causes").json()
    assert answer == {
        "school_code": "A1",
        "simulated": False,
        "causes": [
            {
                "finding_id": "half_duplex",
                "segment": "core_switch",
                "place": "core ge1",
                "owner": "integrator",
                "certainty": "past",
                "strength": "told",
                "confidence": 0.93,
                "confidence_count": 41,
                "last_seen": "2026-05-11",
                "observed": [
                    {
                        "what": "port_is_half_duplex",
                        "figures": {"port": "core ge1"},
                        "speaks_for": True,
                        "result_ids": [EVIDENCE_ID],
                    }
                ],
                "confirm": ["look_at_port"],
                "measures": ["duplex_fix"],
                "explains": ["port_errors"],
            }
        ],
        "cannot_tell": ["loop"],
    }
    missing = desk.get("/v1/schools/Z9/causes")
    assert missing.status_code == 404
    assert "'Z9'" in missing.text
    described = serving.client.get("/openapi.json").json()["paths"]
    assert "/v1/schools/{code}/causes" in described


@pytest.mark.usefixtures("causes")
def test_evidence_links_to_its_measurement(serving: Serving, put: Callable[[str], None]) -> None:
    """The link of the school page opens the result, in both languages, names inert."""
    put(EVIDENCE_ID)
    desk = serving.desk("viewer")
    link = f"/schools/A1/results/{EVIDENCE_ID}"
    assert f'href="{link}"' in desk.get("/schools/A1?lang=en").text
    for language, heading in (("en", "Measurement"), ("ja", "測定結果")):
        page = desk.get(f"{link}?lang={language}")
        assert page.status_code == 200
        assert heading in page.text
        assert "cpu_ratio" in page.text
        assert "0.97" in page.text
        assert NASTY not in page.text
        assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2


def test_a_result_of_any_kind_of_id_is_found(serving: Serving, put: Callable[[str], None]) -> None:
    """An id without a time in it too; another school's, a wrong or a hostile one is not there."""
    put(OLD_ID)
    desk = serving.desk("viewer")
    assert desk.get(f"/schools/A1/results/{OLD_ID}").status_code == 200
    for path in (
        f"/schools/B1/results/{OLD_ID}",
        f"/schools/Z9/results/{OLD_ID}",
        f"/schools/A1/results/{EVIDENCE_ID}",
        f"/schools/A1/results/{quote(NASTY, safe='')}",
        f"/schools/A1/results/{'f' * 14}7{'f' * 21}",
    ):
        answer = desk.get(path)
        assert answer.status_code == 404, path
        assert NASTY not in answer.text
