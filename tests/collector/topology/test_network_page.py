"""The page of a school's network: what it shows to whom, its files, and its forms."""

import csv
import html
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from collector.causes.rules_file import default_rules
from collector.judge.week import Week
from collector.operators.access import Access
from collector.operators.audit import newest
from collector.pages.i18n import LANGUAGES, words
from collector.pages.topology_ports import PAGE, Trouble, ports_part, troubles
from collector.pages.topology_view import device_lines
from collector.pages.topology_words import rate
from collector.store.interface import Batch, Store
from collector.topology import rows
from collector.topology.assemble import assemble
from collector.topology.model import How
from collector.topology.rows import Silence
from collector.topology.weekly import keep_weeks
from tests.collector.conftest import Desk, Maker, Serve, Serving
from tests.collector.topology.school import (
    AT,
    CORE,
    FLOOR1,
    ROUTER,
    of,
    port,
    report,
    sees,
    with_lldp,
)
from tests.collector.topology.stored import put

PATH = "/schools/A1/network"
HOSTILE = "</script><script>alert(1)</script><b>\u202e'\"&"
EN = words("en")


def told_by_devices() -> list[Any]:
    """The school with figures, and with names that attack the page."""
    told = with_lldp()
    told[0] = replace(
        told[0],
        values={
            **told[0].values, "cpu_ratio": 0.42, "cpu_max_ratio": 0.97,
            "sessions_max_count": 61_000, "sessions_limit_count": 65_000,
            "uptime_seconds": 90_000.0,
        },
    )  # fmt: skip
    return [*told, report("192.0.2.9", HOSTILE, neighbours=[sees("u", "core", "p9")])]


@pytest.fixture
def city(store: Store, make: Maker) -> Store:
    """A1 with its network in two weeks: the router got new firmware, one device is new."""
    old = told_by_devices()
    del old[4]
    put(store, make, old, days=-7)
    new = told_by_devices()
    new[0] = replace(new[0], values={**new[0].values, "firmware": "2.0"})
    put(store, make, new)
    week = Week.containing(AT)
    keep_weeks(store, (week.plus(-1), week), AT + timedelta(days=3), simulated=False)
    return store


@pytest.fixture
def serving(city: Store, serve: Serve) -> Serving:
    """The collector of that school."""
    assert city.school("A1")
    return serve()


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """An operator's browser."""
    return serving.desk("operator")


def shown(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_in_both_languages(desk: Desk, language: str) -> None:
    """Every device, link and port is in its tables; nothing that devices say is markup."""
    answer = desk.get(f"{PATH}?lang={language}")
    assert answer.status_code == 200
    page, text, say = answer.text, shown(answer.text), words(language)
    for key in ("drawing", "devices", "links", "ports", "changes", "files", "edit"):
        assert say(f"topology.{key}") in text
    for name in ("rt", "core", "floor1", "floor2", "ap-1"):
        assert f"<bdi>{name}</bdi>" in page
    assert page.count("<tr id=") == 6
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert " style=" not in page
    assert "alert(1)" in text
    assert "\u202e" not in page
    assert say("topology.half_duplex") in text
    assert say("topology.wan_mark") in text
    assert say("topology.agent_mark") in text
    assert desk.get("/schools/NONE/network").status_code == 404
    assert say("topology.title") in desk.get(f"/schools/A1?lang={language}").text


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_is_not_known_is_a_word_and_no_number(desk: Desk) -> None:
    """The router's figures stand there; a switch that told none has words in their places."""
    page = desk.get(f"{PATH}?lang=en").text

    def row(number: int) -> list[str]:
        found = re.search(rf'<tr id="device-{number}">(.*?)</tr>', page, re.DOTALL)
        assert found is not None
        return [shown(cell) for cell in re.findall(r"<td.*?</td>", found[1], re.DOTALL)]

    router = row(1)
    assert router[3:] == [
        "mean 42 %, most 97 %", "not known", "1 d 1 h", "up to 61,000 (limit 65,000)", "not known",
    ]  # fmt: skip
    for number in range(2, 7):
        assert not re.search(r"(?<![\d.])0(?![\d.])", " ".join(row(number)[3:]))
        assert row(number)[3:] == ["not known"] * 5


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_drawing_has_every_device_the_way_out_and_the_agent(desk: Desk) -> None:
    """Its data is JSON in the page; texts stay texts, and the tables stand beside it."""
    page = desk.get(PATH).text
    found = re.search(r'id="network-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    kinds = [one["kind"] for one in data["nodes"]]
    assert sorted(kinds) == [
        "access_point", "agent", "router", "switch", "switch", "switch", "unknown", "wan",
    ]  # fmt: skip
    assert len(data["edges"]) == 7
    assert [one["kind"] for one in data["edges"] if one["half"]] == ["slow"]
    assert any("alert(1)" in one["label"] for one in data["nodes"])
    assert "<noscript>" in page
    assert 'id="__________cytoscape_stylesheet"' in page
    other = desk.get("/schools/A1").text + desk.get("/").text
    assert "cytoscape" not in other


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_readers_who_are_not_staff_see_no_addresses(city: Store, serve: Serve) -> None:
    """Nor firmware, forms or ids; the same of every file."""
    assert city.school("A1")
    serving = serve(access=Access(public_pages=True))
    page = serving.client.get(PATH)
    assert page.status_code == 200
    assert "core" in page.text
    staff = serving.desk("viewer")
    assert "192.0.2.2" in staff.get(PATH).text
    assert "<form method" not in page.text.split("<main")[1]
    for name in ("", "/network.json", "/network.graphml", "/devices.csv", "/links.csv",
                 "/ports.csv", "/changes.csv"):  # fmt: skip
        text = serving.client.get(PATH + name).text
        assert "192.0.2." not in text, name
        assert "2.0" not in re.sub(r"2\.0 Gbit", "", text), name


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_files(desk: Desk) -> None:
    """JSON, GraphML and CSV read back; no cell is a formula; another name is told what there is."""
    document = json.loads(desk.get(f"{PATH}/network.json").text)
    assert len(document["devices"]) == 6
    ET.fromstring(desk.get(f"{PATH}/network.graphml").text)
    for name in ("devices", "links", "ports", "changes"):
        answer = desk.get(f"{PATH}/{name}.csv")
        assert f'filename="{name}.csv"' in answer.headers["content-disposition"]
        table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert len(table) > 1
        assert not [one for row in table for one in row if one.startswith(("=", "@", "+", "-"))]
    changes = desk.get(f"{PATH}/changes.csv").text
    assert "firmware,rt,,1.0,2.0" in changes
    assert ',appeared,"</script>' in changes
    assert desk.get(f"{PATH}/secrets.csv").status_code == 404
    assert desk.get("/schools/NONE/network/ports.csv").status_code == 404


def test_what_changed_since_last_week(desk: Desk) -> None:
    """By kind and device, before and after."""
    text = shown(desk.get(f"{PATH}?lang=en").text).split("What changed since last week")[1]
    assert "Firmware changed rt 1.0 2.0" in text
    assert "Device appeared </script>" in text
    assert "Two kept weeks are needed" in desk.get("/schools/B1/network?lang=en").text


def send(desk: Desk, do: str, version: int, **fields: str) -> httpx.Response:
    """Send a form of the page."""
    return desk.send(f"{PATH}?lang=en", do=do, version=str(version), **fields)


def test_a_dumb_switch_is_added_linked_renamed_and_removed(desk: Desk, city: Store) -> None:
    """Each step is a version in the audit log; taken back, all is as measured."""
    assert "Kept." in send(desk, "add", 0, name="理科室", role="switch", note="棚の上").text
    link = {"a": "hand:1", "b": of(CORE), "b_port": "p20", "speed_bps": "100000000"}
    page = send(desk, "link", 1, **link)
    assert "理科室 ↔ core" in shown(page.text) or "core port p20 ↔ 理科室" in shown(page.text)
    assert send(desk, "correct", 2, device=of(FLOOR1), name="2階").status_code == 200
    assert send(desk, "agent", 3, device=of(CORE), port="p20").status_code == 200
    hide = {"a": of(ROUTER), "a_port": "lan1", "b": of(CORE), "b_port": "p1"}
    assert send(desk, "hide-link", 4, **hide).status_code == 200
    page = desk.get(f"{PATH}?lang=en")
    text = shown(page.text)
    assert "2階" in text
    assert "Corrected by hand: name" in text
    assert "The appliance is at: core port p20" in text
    assert "Link not shown: rt port lan1 ↔ core port p1" in text
    kept = city.read(lambda sql: rows.edits(sql, "A1"))
    assert (kept.version, kept.changed_by) == (5, "operator:the-operator")
    assert send(desk, "drop-device", 5, device="hand:1").status_code == 200
    assert send(desk, "drop-device", 6, device=of(FLOOR1)).status_code == 200
    assert send(desk, "agent", 7, device="").status_code == 200
    back = send(desk, "drop-link", 8, **hide)
    assert "There are none." in back.text
    actions = [one.action for one in city.read(lambda sql: newest(sql, 20))]
    assert actions.count("topology.edit") == 9


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_form_of_a_device_shows_what_stands(desk: Desk) -> None:
    """Correcting begins with the edit that stands; a hidden device can be shown again."""
    send(desk, "correct", 0, device=of(FLOOR1), name="2階", role="controller", hidden="yes")
    page = desk.get(f"{PATH}?lang=en&correct={of(FLOOR1)}").text
    form = page.split('id="correct"')[1].split("</form>")[0]
    assert 'value="2階"' in form
    assert '<option value="controller" selected>' in form
    assert "checked" in form
    assert "2階 is not shown" in shown(page)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"do": "add", "name": " "}, "Give the name of the device"),
        ({"do": "add", "name": "x" * 101}, "name: one line of at most 100"),
        ({"do": "add", "name": "a\x00b"}, "without control characters"),
        ({"do": "add", "name": "x", "role": "king"}, "Choose the role"),
        ({"do": "link", "a": "", "b": of(CORE)}, "No device is chosen"),
        ({"do": "link", "a": of(CORE), "b": of(CORE)}, "choose two"),
        ({"do": "link", "a": of(CORE), "b": of(ROUTER), "speed_bps": "fast"}, "Choose the speed"),
        ({"do": "link", "a": of(CORE), "b": of(ROUTER), "duplex": "both"}, "Duplex is"),
        ({"do": "drop-device", "device": "hand:9"}, "nothing to take back"),
        ({"do": "drop-link", "a": of(CORE), "b": of(ROUTER)}, "nothing to take back"),
        ({"do": "correct", "device": "x:1", "name": "y"}, "No device is chosen"),
        ({"do": "dance"}, "cannot be read"),
        ({"do": "add", "name": "x", "version": "-1"}, "cannot be read"),
    ],
)
def test_a_refused_form_says_what_is_wrong(
    desk: Desk, city: Store, fields: dict[str, str], why: str
) -> None:
    """422, in the reader's language; nothing is kept."""
    answer = desk.send(f"{PATH}?lang=en", **{"version": "0"} | fields)
    assert answer.status_code == 422
    assert why in shown(answer.text)
    assert city.read(lambda sql: rows.edits(sql, "A1")).version == 0
    japanese = desk.send(f"{PATH}?lang=ja", **{"version": "0"} | fields)
    assert re.search(r"[\u3040-\u30ff]", shown(japanese.text).split("保存できませんでした")[1][:80])


def test_an_edit_on_a_stale_page_is_refused_and_not_lost(desk: Desk, city: Store) -> None:
    """409 with who came first; what was entered stands in its form and can be sent again."""
    assert send(desk, "add", 0, name="職員室").status_code == 200
    fields = {"name": "理科室 <i>", "role": "switch", "note": "棚", "model": "S8", "vendor": "M"}
    stale = send(desk, "add", 0, **fields)
    assert stale.status_code == 409
    assert "version 1" in shown(stale.text)
    assert "operator:the-operator" in stale.text
    form = stale.text.split('name="do" value="add"')[1].split("</form>")[0]
    for value in fields.values():
        assert html.escape(value, quote=False) in form
    again = stale.text.split('name="version" value="')[1].split('"')[0]
    assert again == "1"
    assert send(desk, "add", int(again), **fields).status_code == 200
    names = {
        one.name for one in city.read(lambda sql: rows.edits(sql, "A1")).edits.devices.values()
    }
    assert names == {"職員室", "理科室 <i>"}


def test_only_staff_edit(desk: Desk, serving: Serving, city: Store) -> None:
    """Not a viewer, not another site without the form's token."""
    viewer = serving.desk("viewer")
    assert "<form method" not in viewer.get(PATH).text.split("<main")[1]
    assert send(viewer, "add", 0, name="x").status_code == 403
    forged = desk.client.post(PATH, data={"do": "add", "name": "x", "version": "0"})
    assert forged.status_code == 403
    assert serving.client.post(PATH, data={"do": "add"}).status_code in (401, 403)
    assert city.read(lambda sql: rows.edits(sql, "A1")).version == 0


def failed(store: Store, make: Maker, target: str, days: int) -> None:
    """Store a device that did not answer."""
    at = AT + timedelta(days=days)
    row = make.row(
        probe="snmp", target=target, started_at=at, segment="lan", download_bps=None,
        outcome="failed", failure_code="timeout",
    )  # fmt: skip
    store.submit(Batch("agent-of-A1", at + timedelta(hours=1), [row])).result(60)


def test_silence_is_told_with_its_reason(store: Store, make: Maker) -> None:
    """A device that answered once and does not now; one that never did; one that does again."""
    put(store, make, with_lldp())
    failed(store, make, CORE, 1)
    failed(store, make, "192.0.2.77", 1)
    failed(store, make, ROUTER, -1)
    end = AT + timedelta(days=2)
    found = store.read(lambda sql: rows.silent(sql, "A1", end, simulated=False))
    assert [(one.target, one.failure_code, one.ever_answered) for one in found] == [
        (CORE, "timeout", True), ("192.0.2.77", "timeout", False),
    ]  # fmt: skip
    assert store.read(lambda sql: rows.silent(sql, "B1", end, simulated=False)) == []


def test_states_of_devices() -> None:
    """Answers, silent, old, only seen."""
    topology = assemble(with_lldp())
    silence = Silence(target=CORE, since=AT, failure_code="made_up", ever_answered=True)
    lines = {
        one.id: one.state_kind
        for one in device_lines(EN, topology, {of(CORE): silence}, AT + timedelta(hours=1))
    }
    assert lines[of(ROUTER)] == "answers"
    assert lines[of(CORE)] == "silent"
    assert sorted(set(lines.values())) == ["answers", "seen", "silent"]
    later = device_lines(EN, topology, {}, AT + timedelta(days=2))
    assert {one.state_kind for one in later} == {"old", "seen"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"state": "down", "duplex": "half", "speed_bps": 10_000_000}, []),
        ({"state": "down", "went_down": True}, [Trouble.WENT_DOWN]),
        ({"duplex": "half"}, [Trouble.HALF]),
        ({"error_ratio": 1e-3, "errors_count": 5}, []),
        ({"error_ratio": 1e-3, "errors_count": 500}, [Trouble.ERRORS]),
        ({"discard_ratio": 0.01, "discards_count": 500}, [Trouble.DISCARDS]),
        ({"speed_bps": 1e9, "in_bps": 0.9e9}, [Trouble.FULL]),
        ({"speed_bps": 1e8, "out_bps": 0.1e8}, [Trouble.SLOW]),
        ({"in_bps": 0.9e9}, []),
    ],
)
def test_what_is_wrong_with_a_port(values: dict[str, Any], expected: list[Trouble]) -> None:
    """By the thresholds of cause finding; what is not known accuses nobody."""
    assert troubles(values, default_rules().number) == expected


def test_a_thousand_ports_come_a_page_at_a_time_the_bad_first() -> None:
    """All pages together hold each once."""
    ports = [port(f"p{number}") for number in range(1000)]
    ports[900] |= {"duplex": "half"}
    topology = assemble([report(ROUTER, "rt"), report(CORE, "core", ports=ports)])
    first = ports_part(EN, topology)
    assert (first.total, first.troubled, first.pages, len(first.lines)) == (1000, 1, 10, PAGE)
    assert (first.lines[0].port, first.lines[0].trouble) == ("p900", ["half duplex"])
    told = [
        line.port for page in range(1, 11) for line in ports_part(EN, topology, page=page).lines
    ]
    assert len(set(told)) == len(told) == 1000
    assert ports_part(EN, topology, page=99).page == 10
    assert ports_part(EN, topology, device=99).total == 0


def test_little_traffic_is_not_nothing() -> None:
    """What would round to 0.00 Mbit/s has a smaller unit; nothing is 0, not known is a word."""
    told = [rate(EN, bps) for bps in (None, 0.0, 640.0, 52_000.0, 2.5e6)]
    assert told == ["not known", "0.00 Mbit/s", "0.64 kbit/s", "52 kbit/s", "2.50 Mbit/s"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_hows_are_told(desk: Desk) -> None:
    """What is proof and what a person said is told apart."""
    send(desk, "add", 0, name="x")
    page = send(desk, "link", 1, a="hand:1", b=of(CORE)).text
    links = page.split('id="h-links"')[1].split("</table>")[0]
    for how in (How.LLDP, How.HAND):
        assert EN(f"topology_how.{how.value}") in links
