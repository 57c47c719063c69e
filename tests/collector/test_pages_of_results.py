"""What pages make of results and names: nothing becomes markup, nothing not measured is 0."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from collector.api.ingest import sort_out
from collector.compliance import judge_dirty
from collector.demo import city
from collector.demo.fill import DELIVERED_AT
from collector.demo.simulator import moment_of
from collector.schools.model import BaselineEntry
from collector.store import create_store
from collector.store.interface import Batch, Store
from tests.collector.pages_asked import (
    CALENDARS,
    CRITERIA,
    NOW,
    browser_of,
    chart_of,
    deliver,
    enrolled,
    measured,
    school_of,
    text_of,
)
from wire.codec import encode
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.messages import encode_batch

NASTY = {
    "E900": "<script>alert(1)</script>",
    "E901": "\"'><img src=x onerror=alert(1)>",
    "E902": "\u202egnp.exe 学校",
    "E903": '=HYPERLINK("http://x.example","y")',
    "E904": "{{ 7 * 7 }}</script><b>",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = create_store(f"sqlite:///{tmp_path / 'pages.db'}")
    yield opened
    opened.close()


def _tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    tags: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

    Reader().feed(html)
    return tags


def test_an_empty_collector_has_a_page(store: Store) -> None:
    """Before anything is imported the page says what is missing."""
    text = text_of(browser_of(store).get("/").text)
    assert "判定はまだありません" in text
    assert "模擬データ" not in text


def test_nothing_of_the_data_becomes_markup(store: Store) -> None:
    """Names, regions, failure texts: script, quotes, RTL marks and formulas stay text (E4)."""
    store.import_schools([school_of(code, name) for code, name in NASTY.items()])
    for code, name in NASTY.items():
        agent = enrolled(store, code)
        monday = moment_of("2026-W23", 0, time(7, 0))
        deliver(
            store,
            agent,
            [measured(agent, monday, 1, 2e8), measured(agent, monday, 2, None, name)],
        )
    client = browser_of(store)
    for path in ("/", "/?lang=en", *(f"/schools/{code}" for code in NASTY)):
        page = client.get(path)
        assert page.status_code == 200
        for tag, attributes in _tags(page.text):
            assert tag not in ("img", "b") or "src" not in attributes, path
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            if tag == "script":
                assert attributes.get("src") or attributes.get("type") == "application/json"
        text = text_of(page.text)
        shown = NASTY.values() if path.startswith("/?") or path == "/" else [NASTY[path[-4:]]]
        for name in shown:
            assert re.sub(r"\s+", " ", name) in text
        assert "49" not in re.findall(r"\b\d+\b", text.replace("{{ 7 * 7 }}", ""))
    assert "<bdi>\u202e" in client.get("/").text


def test_a_real_result_in_a_simulated_city_is_shown_apart(store: Store) -> None:
    """The real panel names its speed; counts do not move; the table marks it as real."""
    schools = city.schools()[:3]
    store.import_schools(schools)
    store.set_setting("simulated_city", "1")
    agent = enrolled(store, schools[0].code)
    at = moment_of("2026-W23", 0, time(7, 0))
    deliver(store, agent, [replace(measured(agent, at, 1, 9.5e8), segment="loopback")])
    client = browser_of(store)
    text = text_of(client.get("/").text)
    assert "実際の測定 この市の集計には含めません。 下り 950 Mbit/s 上り 475 Mbit/s" in text
    assert "回線の速さではありません" in text
    html = client.get(f"/schools/{schools[0].code}").text
    assert '<span class="tag">実測</span>' in html
    assert "この期間の測定はありません" in html


def test_only_failed_and_invalid_tests_are_failures(store: Store) -> None:
    """Tests put off and tests of the upload alone are none: chart, table, list and verdict."""
    store.import_schools([school_of("E001", "試験校")])
    agent = enrolled(store, "E001")
    moments = [moment_of("2026-W23", 0, time(7, minute)) for minute in range(9)]
    sent = [measured(agent, at, n, None) for n, at in enumerate(moments, 1)]
    uploads = [
        replace(one, outcome=Outcome.OK, failure=None, values={"upload_bps": 4e7})
        for one in sent[:6]
    ]
    busy = Failure(FailureCode.CANCELLED, Operation.PREPARE, "put off")
    put_off = replace(sent[6], outcome=Outcome.DEFERRED, failure=busy)
    invalid = replace(sent[7], outcome=Outcome.INVALID)
    deliver(store, agent, [*uploads, put_off, invalid, sent[8]])
    client = browser_of(store)
    html = client.get("/schools/E001").text
    chart = chart_of(html)
    assert [why is not None for why in chart["failed"]] == [True, True]
    assert "失敗 2 回。" in html
    answer = client.get("/v1/schools/E001").json()
    assert {one["outcome"] for one in answer["failures"]} == {"failed", "invalid"}
    assert len(answer["failures"]) == 2
    assert answer["quiet"]["reasons"] == ["too_few_results"]
    assert answer["quiet"]["failed_runs"] == 2


def test_the_margin_to_an_interval_shows_both_ends(store: Store) -> None:
    """213 pupils need 366 to 396: 380 is 14 above and 16 below."""
    store.import_schools([replace(school_of("E001", "試験校"), pupils=213)])
    agent = enrolled(store, "E001")
    days = [moment_of("2026-W23", day, at) for day in range(5) for at in (time(7), time(17))]
    deliver(store, agent, [measured(agent, at, n, 3.8e8) for n, at in enumerate(days, 1)])
    text = text_of(browser_of(store).get("/").text)
    found = re.search(r"\N{MINUS SIGN}([\d.]+)〜\+([\d.]+) Mbit/s", text)
    assert found is not None
    need = CRITERIA.requirement(213)
    assert float(found[1]) == pytest.approx(need.upper_bps / 1e6 - 380, abs=0.1)
    assert float(found[2]) == pytest.approx(380 - need.required_bps / 1e6, abs=0.1)


def test_a_wrong_clock_disturbs_nobody(store: Store) -> None:
    """Results of 9999, 2100, 1970 and year 1: no week of their own, true date with a mark."""
    store.import_schools([school_of("E001", "試験校"), school_of("E002", "隣校")])
    wrong, right = enrolled(store, "E001"), enrolled(store, "E002")
    years = (9999, 2100, 1970, 1)
    moments = [datetime(year, 1, 1, 12, tzinfo=UTC) for year in years]
    at_seven = moment_of("2026-W23", 0, time(7))
    deliver(store, right, [measured(right, at_seven, 1, 2e8)])
    deliver(store, wrong, [])
    before = browser_of(store).get("/").text
    texts = [encode(measured(wrong, at_seven, n, 3e8)) for n, _ in enumerate(moments, 1)]
    dated = [
        re.sub(rb'"started_at": ?"[^"]*"', f'"started_at":"{at:%4Y}-01-01T12:00:00Z"'.encode(), raw)
        for raw, at in zip(texts, moments, strict=True)
    ]
    found = sort_out(encode_batch(dated), "", wrong)
    assert (len(found.rows), found.quarantine) == (4, [])
    received_at = moment_of("2026-W23", 4, DELIVERED_AT)
    store.submit(Batch(wrong.agent_id, received_at, found.rows)).result(30)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    client = browser_of(store)
    assert client.get("/").text == before
    text = text_of(client.get("/schools/E001").text)
    for year in years:
        assert f"{year}年1月1日 21:00 測定端末の時計が不正" in text
    assert "この期間の測定はありません" in text
    answer = client.get("/v1/schools/E001").json()
    assert [one["clock_suspect"] for one in answer["latest"]] == [True] * 4
    other = client.get("/v1/schools/E002").json()
    assert [one["clock_suspect"] for one in other["latest"]] == [False]


def test_the_running_week_is_no_verdict(store: Store) -> None:
    """It is left out of trend and history, marked in the menu and where it is opened."""
    store.import_schools([school_of("E001", "試験校")])
    agent = enrolled(store, "E001")
    moments = [moment_of(f"2026-W{week}", 0, time(6)) for week in (22, 23, 24)]
    sent = [measured(agent, at, n, 4e8) for n, at in enumerate(moments, 1)]
    found = sort_out(encode_batch(map(encode, sent)), "", agent)
    store.submit(Batch(agent.agent_id, NOW, found.rows)).result(30)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    client = browser_of(store)
    html = client.get("/").text
    trend = html[html.index('<ol class="trend">') : html.index("</ol>")]
    assert re.findall(r"week=(2026-W\d\d)", trend) == ["2026-W22", "2026-W23"]
    menu = re.findall(r'<option value="(2026-W\d\d)"[^>]*>([^<]*)', html)
    assert [(week, "途中" in label) for week, label in menu] == [
        ("2026-W24", True),
        ("2026-W23", False),
        ("2026-W22", False),
    ]
    assert '<span class="tag">途中</span>' not in html
    assert '<span class="tag">途中</span>' in client.get("/?week=2026-W24").text
    history = client.get("/v1/schools/E001").json()["history"]
    assert [one["week"] for one in history] == ["2026-W23", "2026-W23", "2026-W22", "2026-W22"]


def test_without_a_survey_nothing_is_compared(store: Store) -> None:
    """No baseline is 'not imported': null in the API, no 0 of 1, no 'more than the survey'."""
    store.import_schools([school_of("E001", "試験校")])
    agent = enrolled(store, "E001")
    days = [moment_of("2026-W23", day, at) for day in range(5) for at in (time(7), time(17))]
    deliver(store, agent, [measured(agent, at, n, 4e8) for n, at in enumerate(days, 1)])
    client = browser_of(store)
    text = text_of(client.get("/").text)
    assert "未取込" in text
    assert "調査より" not in text
    assert "調査と同数" not in text
    answer = client.get("/v1/compliance").json()
    assert answer["baseline"] == {
        "met": None,
        "surveyed": 0,
        "share_ratio": None,
        "source": [],
        "surveyed_on": [],
    }
    assert {group["baseline_met"] for group in answer["by_region"]} == {None}
    found = [
        BaselineEntry(
            school_code="E001",
            met=False,
            measured_bps=None,
            surveyed_on="2025-06-16",
            source="調査",
        )
    ]
    store.import_baseline(found)
    assert client.get("/v1/compliance").json()["baseline"]["met"] == 0
    assert "調査より 1 校多い" in text_of(client.get("/").text)
    store.import_schools([school_of("E002", "調査のない学校")])
    html = client.get("/").text
    assert '<b>0</b> <span class="of">/ 1 校</span>' in html, "of the schools that were surveyed"
    assert "調査より 1 校多い" in text_of(html)


def test_probes_and_failures_have_names(store: Store) -> None:
    """A probe in words, an unknown one as it is; the failure in Japanese, the detail below it."""
    store.import_schools([school_of("E001", "試験校")])
    agent = enrolled(store, "E001")
    names = ("verify", "dns", "https", "tcp_connect", "stamp", "traceroute", "brand_new")
    at = moment_of("2026-W23", 0, time(7))
    sent = [
        replace(measured(agent, at, n, None, "no data for 3 s"), probe=name)
        for n, name in enumerate(names, 1)
    ]
    deliver(store, agent, sent)
    client = browser_of(store)
    html = client.get("/schools/E001").text
    text = text_of(html)
    for words in ("基準速度の確認", "名前解決（DNS）", "TCP 接続", "STAMP", "経路", "brand_new"):
        assert words in text
    assert "その他" not in text.partition("最近の測定")[2].partition("学校の情報")[0]
    detail = (
        '<bdi>通信が止まった</bdi> <span class="said" lang="en"><bdi>no data for 3 s</bdi></span>'
    )
    assert html.count(detail) == 2 * len(names)
    deliver(store, agent, [measured(agent, at, 9, None, "no data for 4 s")])
    assert 'lang="en"><bdi>no data for 4 s</bdi></span></p>' in client.get("/").text


def test_a_real_city_has_no_banner(store: Store) -> None:
    """Measured verdicts are shown without the banner, with the word 'not simulated' nowhere."""
    school = school_of("E001", "試験校")
    store.import_schools([school])
    agent = enrolled(store, "E001")
    days = [moment_of("2026-W23", day, at) for day in range(5) for at in (time(7), time(17))]
    deliver(store, agent, [measured(agent, at, n, 4e8) for n, at in enumerate(days, 1)])
    html = browser_of(store).get("/").text
    assert "模擬データ" not in html
    assert '<b id="quiet-met">1</b>' in html
    assert "+184 Mbit/s" in html
