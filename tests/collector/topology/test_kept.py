"""Edits and weeks in both databases, the audit log, facts, and the command."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector import cli, resources
from collector.judge.calendar_file import load_calendars
from collector.judge.week import Week
from collector.operators.audit import newest, verify
from collector.programme import fact_rows
from collector.programme.measured_refresh import refresh
from collector.programme.model import EditedMeanwhile
from collector.shown import Shown
from collector.store import create_store
from collector.store.interface import Store
from collector.topology import export, rows
from collector.topology.assemble import assemble
from collector.topology.change import change, edit_of
from collector.topology.diff import Kind
from collector.topology.refusal import EditRefused
from collector.topology.weekly import DailySnapshot, compared, keep_weeks, network
from tests.collector.conftest import Maker, SpringClock, a_school
from tests.collector.topology.school import AT, CORE, ROUTER, of, report, sees, with_lldp
from tests.collector.topology.stored import put

NOW = AT + timedelta(days=2)
HOSTILE = "<script>alert(1)</script>\u202e=cmd|' /C calc'!A0"


def edited(store: Store, seen: int | None = None, **given: str) -> int:
    """An operator edits A1."""
    edit, what = edit_of(given)
    return change(store, "A1", edit, what, "operator:somebody", NOW, seen)


def test_edits_have_versions_and_stand_in_the_audit_log(store: Store, make: Maker) -> None:
    """Who edits what another changed meanwhile is told; new results change no edit."""
    put(store, make, with_lldp())
    assert edited(store, do="device", device="hand:room", name="理科室", role="switch") == 1
    assert edited(store, 1, do="link", a="hand:room", b=of(CORE), b_port="p9") == 2
    with pytest.raises(EditedMeanwhile):
        edited(store, 1, do="drop-device", device="hand:room")
    put(store, make, with_lldp(), days=1)
    found, kept = store.read(lambda sql: network(sql, "A1", NOW, simulated=False))
    assert kept.version == 2
    assert [link.b.port for link in found.links if link.b.device == "hand:room"] == [""]
    assert found.device("hand:room") is not None
    assert [one.version for one in store.read(lambda sql: rows.history(sql, "A1", 9))] == [2, 1]
    records = store.read(lambda sql: newest(sql, 9))
    assert [one.action for one in records][:2] == ["topology.edit", "topology.edit"]
    assert json.loads(records[1].detail)["edit"] == "device hand:room"
    store.read(verify)
    edit, what = edit_of({"do": "agent"})
    with pytest.raises(EditRefused, match="no school"):
        change(store, "Z9", edit, what, "x", NOW)


def test_weeks_are_kept_and_compared(store: Store, make: Maker) -> None:
    """The last state of each; a week in which nothing was read has none."""
    put(store, make, with_lldp())
    told = with_lldp()
    told[1] = replace(told[1], values={**told[1].values, "firmware": "2", "model": "S48"})
    put(store, make, told, days=7)
    week = Week.containing(AT)
    later = AT + timedelta(days=30)
    made = keep_weeks(store, (week, week.plus(1), week.plus(2)), later, simulated=False)
    assert made == 2
    found = store.read(lambda sql: compared(sql, "A1", simulated=False))
    assert found is not None
    assert (found.before, found.after) == (str(week), str(week.plus(1)))
    assert [(one.kind, one.device) for one in found.changes] == [(Kind.REPLACED, "core")]
    assert store.read(lambda sql: compared(sql, "B1", simulated=False)) is None


def test_a_snapshot_is_made_once_a_day(store: Store, make: Maker) -> None:
    """Of the running week and the one before."""
    clock = SpringClock()
    put(store, make, with_lldp())
    snapshots = DailySnapshot(store, Shown(store, clock), clock)
    assert snapshots.once() == 1
    assert snapshots.once() == 0
    assert store.read(lambda sql: rows.weeks(sql, "A1", simulated=False)) == ["2026-W20"]


def test_the_network_gives_facts_of_grade_agent(store: Store, make: Maker) -> None:
    """Through the daily refresh, beside what devices give themselves."""
    put(store, make, with_lldp())
    clock = SpringClock()
    calendars = load_calendars(resources.default_calendar())
    refresh(store, calendars, Shown(store, clock, Week.containing(AT)), "collector", clock.now())
    found = {one.key: one.value for one in store.read(lambda sql: fact_rows.facts(sql, "A1"))}
    assert found["router.wan_port_speed_bps"] == 1e10
    assert found["core_switch.duplex"] == "half"
    assert found["access_point.count"] == 1


def hostile() -> Any:
    """A network whose names attack what shows them."""
    told = with_lldp()
    told[1] = replace(
        told[1],
        values={
            **told[1].values,
            "system_name": HOSTILE,
            "neighbours": [sees("=1+1", "]]><x>&\"'", "@x")],
        },
    )
    return assemble(told)


def test_exports_hold_hostile_names_as_text() -> None:
    """JSON, GraphML and CSV read back; no cell begins as a formula."""
    found = hostile()
    assert json.loads(export.as_json(found))["devices"]
    tree = ET.fromstring(export.as_graphml(found))
    texts = [one.text for one in tree.iter() if one.text]
    assert "]]><x>&\"'" in texts
    nodes = [one for one in tree.iter() if one.tag.endswith("node")]
    edges = [one for one in tree.iter() if one.tag.endswith("edge")]
    assert (len(nodes), len(edges)) == (len(found.devices), len(found.links))
    for table in export.TABLES:
        read = list(csv.reader(io.StringIO(export.as_csv(found, table))))
        assert len(read) > 1
        assert all(len(row) == len(read[0]) for row in read)
        assert not [cell for row in read for cell in row if cell.startswith(("=", "@", "+", "-"))]


@pytest.fixture
def database(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A1 with its network, today."""
    url = f"sqlite:///{tmp_path}/city.db"
    store = create_store(url)
    store.import_schools([a_school("A1"), a_school("B1")])
    told = [*with_lldp(), report("192.0.2.8", HOSTILE, neighbours=[sees("u", "core", "p20")])]
    put(store, make, told)
    put(store, make, told, days=7)
    week = Week.containing(AT)
    keep_weeks(store, (week, week.plus(1)), AT + timedelta(days=14), simulated=False)
    store.close()
    monkeypatch.setenv("HAKARU_DATABASE", url)
    # the newest reports are of a day of the past: the command looks from there
    monkeypatch.setattr(Shown, "now", lambda _self: AT + timedelta(days=8))


@pytest.mark.usefixtures("database")
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Show, edit, export, diff; names cannot steer the terminal; refusals say what is allowed."""

    def said(*words: str) -> tuple[int, str]:
        code = cli.main(["topology", *words])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    code, shown = said("show", "A1")
    assert code == 0
    assert "core p1 - rt lan1" not in shown  # ends in the order of their ids
    assert "rt lan1 - core p1  1000 Mbit/s  full  lldp" in shown
    assert "differ: duplex" in shown
    assert "agent: floor1 p8\nwan: rt wan0" in shown
    assert "\u202e" not in shown
    assert "nothing is known" in said("show", "B1")[1]
    edit = ("edit", "A1", "device", "--device", of(ROUTER), "--name", "校内ルーター")
    assert said(*edit) == (0, "kept as version 1\n")
    assert "校内ルーター  router" in said("show", "A1")[1]
    assert json.loads(said("show", "A1", "--edits")[1])["version"] == 1
    code, shown = said("edit", "A1", "device", "--device", "hand:x")
    assert (code, "needs one" in shown) == (1, True)
    assert said("export", "A1", "--format", "csv", "--table", "devices")[1].startswith("id,name")
    assert said("export", "A1", "--format", "graphml")[1].startswith("<?xml")
    assert json.loads(said("export", "A1")[1])["wan"]["port"] == "wan0"
    code, shown = said("diff", "A1")
    assert code == 0
    assert shown.startswith("2026-W20 to 2026-W21\n")
    code, shown = said("diff", "B1")
    assert (code, "kept are: none" in shown) == (2, True)
    assert said("show", "Z1")[0] == 2
