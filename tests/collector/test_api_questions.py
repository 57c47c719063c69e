"""What the API answers about the city and its schools, and how soon it knows."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.judge.model import Figure
from collector.store.interface import StoreFailed
from wire.codec import encode
from wire.messages import encode_batch

MONDAY_MORNING = datetime(2026, 5, 10, 22, 0, tzinfo=UTC)
"""07:00 on Monday in Tokyo: the quiet window."""


def _soon(question: Callable[[], Any], wanted: Any) -> None:
    """Ask until the answer is there; a busy machine may take long."""
    deadline = time.monotonic() + 60
    while (answer := question()) != wanted:
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


def _quiet_week(make: Any, agent_id: str, **changes: Any) -> bytes:
    """Two quiet results on each of five school days."""
    return encode_batch(
        encode(
            make.record(
                agent_id,
                started_at=MONDAY_MORNING + timedelta(days=day, minutes=10 * run),
                context={
                    "agent_version": "0.1.0",
                    "cross_traffic_during_bps": 0,
                    "appliance_ceiling_bps": 950_000_000,
                },
                **changes,
            )
        )
        for day in range(5)
        for run in range(2)
    )


def test_delivered_results_are_judged_without_being_asked(serving: Any, make: Any) -> None:
    """A week of 600 Mbit/s for a school that needs 422: one school met, the other undetermined."""

    def city() -> Any:
        answer = serving.client.get("/v1/compliance").json()
        return {key: answer[key] for key in ("week", "schools", "simulated")} | answer["quiet"]

    base = {"week": "2026-W20", "schools": 2, "simulated": False}
    _soon(city, base | {"met": 0, "not_met": 0, "undetermined": 2, "share_ratio": 0.0})
    assert serving.post(_quiet_week(make, serving.agent_id)).status_code == 200
    _soon(city, base | {"met": 1, "not_met": 0, "undetermined": 1, "share_ratio": 0.5})
    assert not serving.store.dirty_weeks()


def test_late_results_change_a_verdict(serving: Any, make: Any) -> None:
    """Many slow results that come later turn the same week."""

    def status() -> Any:
        return serving.client.get("/v1/schools/A1").json()["quiet"]["status"]

    serving.post(_quiet_week(make, serving.agent_id))
    _soon(status, "met")
    for _ in range(5):
        serving.post(_quiet_week(make, serving.agent_id, values={"download_bps": 5e7}))
    _soon(status, "not_met")


def test_simulated_results_are_shown_only_in_a_simulated_city(serving: Any, make: Any) -> None:
    """They never count among measured ones; the setting turns the whole view."""

    def quiet() -> Any:
        answer = serving.client.get("/v1/compliance").json()
        return answer["simulated"], answer["quiet"]["met"]

    serving.post(_quiet_week(make, serving.agent_id, simulated=True))
    _soon(lambda: ("A1", Figure.QUIET) in serving.store.verdicts("2026-W20", simulated=True), True)
    assert quiet() == (False, 0)
    serving.store.set_setting("simulated_city", "1")
    _soon(quiet, (True, 1))


def test_every_school_has_verdicts_even_without_results(serving: Any) -> None:
    """Without any data all are undetermined, and saved as such."""
    _soon(lambda: len(serving.store.verdicts("2026-W20", simulated=False)), 4)


def test_a_school_that_grows_is_judged_against_its_new_requirement(serving: Any, make: Any) -> None:
    """An import by another process is noticed."""

    def verdict() -> Any:
        found = serving.client.get("/v1/schools/A1").json()["quiet"]
        return found["status"], found["required_bps"]

    serving.post(_quiet_week(make, serving.agent_id))
    _soon(lambda: verdict()[0], "met")
    school = serving.store.school("A1")
    assert school is not None
    changed = {name: getattr(school, name) for name in school.__slots__} | {"pupils": 770}
    serving.store.import_schools([type(school)(**changed)])
    _soon(verdict, ("not_met", 607_000_000))
    _soon(
        lambda: serving.store.verdicts("2026-W20", simulated=False)["A1", Figure.QUIET].status,
        "not_met",
    )


def test_schools_are_listed_with_what_they_need(serving: Any) -> None:
    """By code, with required speed, band and survey baseline."""
    schools = serving.client.get("/v1/schools").json()["schools"]
    assert [school["code"] for school in schools] == ["A1", "B1"]
    assert schools[0]["size_band"] == "316-560"
    assert 422_000_000 < schools[0]["required_bps"] < 423_000_000
    assert schools[0]["baseline_met"] is None


def test_what_is_not_there_is_explained(serving: Any) -> None:
    """404 for a school, 400 for a week, each with what to do."""
    reply = serving.client.get("/v1/schools/<script>")
    assert reply.status_code == 404
    assert "see GET /v1/schools" in reply.json()["detail"]
    assert (
        "there is no school '\\x1b[31m'"
        in serving.client.get("/v1/schools/%1B[31m").json()["detail"]
    )
    for week in ("2026-W54", "2026-20", "W20", "0001-W01"):
        reply = serving.client.get("/v1/compliance", params={"week": week})
        assert reply.status_code == 400
        assert "2026-W20" in reply.json()["detail"]


def test_another_week_can_be_asked_for(serving: Any) -> None:
    """The pinned week is only the default."""
    assert serving.client.get("/v1/compliance?week=2026-W19").json()["week"] == "2026-W19"
    assert serving.client.get("/v1/schools/A1?week=2026-W19").json()["week"] == "2026-W19"


def test_health_follows_the_database(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 while it answers, 503 with Retry-After while not, 200 again."""
    assert serving.client.get("/healthz").json() == {"status": "ok"}

    def fails() -> None:
        raise StoreFailed("the database failed: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(type(serving.store), "ping", lambda _self: fails())
        reply = serving.client.get("/healthz")
    assert reply.status_code == 503
    assert "retry-after" in reply.headers
    assert serving.client.get("/healthz").status_code == 200


def test_city_totals_are_on_metrics(serving: Any, make: Any) -> None:
    """Verdicts by figure, schools, agents; counts by school are not."""
    serving.post(_quiet_week(make, serving.agent_id))
    wanted = 'hakaru_city_schools{figure="quiet",status="met"} 1.0'
    _soon(lambda: wanted in serving.client.get("/metrics").text, True)
    text = serving.client.get("/metrics").text
    assert "hakaru_schools 2.0" in text
    assert "A1" not in text


def test_metrics_hold_no_created_series(serving: Any, make: Any) -> None:
    """Counters and histograms come without a second series that says when they began."""
    serving.post(_quiet_week(make, serving.agent_id))
    text = serving.client.get("/metrics").text
    assert "hakaru_ingest_committed_total 10.0" in text
    assert "_created" not in text


def test_head_is_answered_as_get(serving: Any) -> None:
    """Same status and headers, no body; a route that has no GET has no HEAD."""
    for path in ("/", "/schools/A1", "/v1/compliance", "/healthz", "/static/hakaru.css"):
        got, head = serving.client.get(path), serving.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length"):
            assert head.headers.get(name) == got.headers.get(name)
    assert serving.client.head("/v1/enrol").status_code == 405


def test_every_answer_carries_security_headers(serving: Any) -> None:
    """API, pages, errors and health alike; none names the server's software."""
    for path in ("/", "/v1/compliance", "/v1/schools/ZZ", "/healthz", "/metrics", "/nowhere"):
        headers = serving.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_nothing_is_loaded_from_the_internet(serving: Any) -> None:
    """The description is served, the stock viewers that need a CDN are not."""
    description = serving.client.get("/openapi.json").json()
    assert "/v1/measurements" in description["paths"]
    assert serving.client.get("/docs").status_code == 404
    assert serving.client.get("/redoc").status_code == 404
