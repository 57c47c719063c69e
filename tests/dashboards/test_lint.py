"""The dashboards' files are as the generator writes them; each rule of the lint finds its fault."""

import copy
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.localise.decide import Kind as Verdict
from agent.localise.segments import Segment as Narrow
from collector.fleet.health import State as AgentState
from collector.judge.bands import DEFAULT_BANDS
from collector.judge.model import Status
from collector.programme.model import Decision, Grade, MeasureState, State
from collector.schools.model import Line
from deploy.dashboards import lint, words
from deploy.dashboards.__main__ import FOLDER, main, stale
from deploy.dashboards.boards import BOARDS
from wire.failure import Outcome

ROOT = Path(__file__).parents[2]
PROVISIONED = yaml.safe_load((ROOT / "deploy/grafana/datasources/hakaru.yml").read_text("utf-8"))
SOURCES = {one["uid"]: one["type"] for one in PROVISIONED["datasources"]}


def committed() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each dashboard in Japanese and English, from its file."""
    return [
        (
            json.loads((FOLDER / "ja" / f"{board.key}.json").read_text("utf-8")),
            json.loads((FOLDER / "en" / f"{board.key}.json").read_text("utf-8")),
        )
        for board in BOARDS
    ]


def test_the_files_are_what_the_generator_writes() -> None:
    """Made anew and compared, byte for byte."""
    assert stale(FOLDER) == []


def test_states_have_one_word_on_pages_and_dashboards() -> None:
    """What is called silent on one is not called otherwise on the other, nor on the city page."""
    texts = ROOT / "collector/pages/texts"
    fleet = tomllib.loads((texts / "fleet.toml").read_text("utf-8"))["fleet_state"]
    pages = tomllib.loads((texts / "pages.toml").read_text("utf-8"))
    shown = {
        "fleet_state": (words.AGENT_STATE, fleet),
        "status": (words.STATUS, pages["status"]),
        "outcome": (words.OUTCOME, pages["outcome"]),
        "line": (words.LINE, pages["line"]),
    }
    for section, (on_dashboards, on_pages) in shown.items():
        for code, word in on_dashboards.items():
            assert word.text.ja.lstrip("○△▲？－ ") == on_pages[code][0], (section, code)
    for state in ("late", "silent"):
        assert pages["agent"][state][0] == fleet[state][0]
    assert pages["agent"]["fresh"][0] == fleet["healthy"][0]


def test_a_changed_and_a_foreign_file_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check fails and names each."""
    assert main(["--folder", str(tmp_path)]) == 0
    assert main(["--folder", str(tmp_path), "--check"]) == 0
    with (tmp_path / "en/city.json").open("a") as file:
        file.write(" ")
    (tmp_path / "ja/other.json").write_text("{}")
    assert main(["--folder", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "en/city.json" in said
    assert "ja/other.json" in said


def test_no_complaint_about_the_committed_files() -> None:
    """Every rule, every dashboard, both languages."""
    assert lint.complaints(committed(), SOURCES) == []


def test_every_code_has_its_word() -> None:
    """Words stand for exactly the codes of the program."""
    for known, table in (
        (Status, words.STATUS),
        (State, words.PROGRESS),
        (MeasureState, words.MEASURE_STATE),
        (Decision, words.DECISION),
        (Grade, words.GRADE),
        (AgentState, words.AGENT_STATE),
        (Outcome, words.OUTCOME),
        (Line, words.LINE),
        (Verdict, words.BOTTLENECK),
        (Narrow, words.NARROW),
    ):
        assert {one.value for one in known} == set(table)
    assert [band.label for band in DEFAULT_BANDS] == list(words.BAND)


@pytest.mark.parametrize("board", ["fleet", "centre"])
def test_the_appliance_has_one_word(board: str) -> None:
    """測定端末; 機器 is a device of the school that answers SNMP, of which these say nothing."""
    assert "機器" not in (FOLDER / "ja" / f"{board}.json").read_text("utf-8")


def test_no_text_tells_figures_of_one_city() -> None:
    """Every city reads these: what is counted stands in the panels."""
    for pair in committed():
        for dashboard in pair:
            for panel in lint.shown(dashboard):
                text = panel["title"] + panel["description"]
                assert not re.search(r"\d+ ?校|\d+ (of \d+ )?schools", text.replace("20 ", "")), (
                    text
                )


def test_every_threshold_of_a_graph_is_a_named_line() -> None:
    """What a colour means can be read in the legend."""
    for pair in committed():
        for dashboard in pair:
            for panel in lint.shown(dashboard):
                steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
                if panel["type"] == "timeseries":
                    for step in steps[1:]:
                        line = f"vector({step['value']:g})"
                        named = [
                            t["legendFormat"] for t in panel["targets"] if t.get("expr") == line
                        ]
                        assert len(named) == 1
                        assert named[0]


def one_panel(dashboard: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first of a kind."""
    found: dict[str, Any] = next(p for p in dashboard["panels"] if p["type"] == kind)
    return found


def _overlap(one: dict[str, Any]) -> None:
    one["panels"][2]["gridPos"] = dict(one["panels"][1]["gridPos"])


def _wide(one: dict[str, Any]) -> None:
    one["panels"][-1]["gridPos"]["x"] = 20


def _same_id(one: dict[str, Any]) -> None:
    one["panels"][2]["id"] = one["panels"][1]["id"]


def _no_unit(one: dict[str, Any]) -> None:
    one_panel(one, "stat")["fieldConfig"]["defaults"]["unit"] = ""


def _no_unit_of_a_column(one: dict[str, Any]) -> None:
    override = one_panel(one, "table")["fieldConfig"]["overrides"][0]
    override["properties"] = [p for p in override["properties"] if p["id"] != "unit"]


def _no_description(one: dict[str, Any]) -> None:
    one_panel(one, "stat")["description"] = ""


def _unknown_source(one: dict[str, Any]) -> None:
    one_panel(one, "table")["targets"][0]["datasource"]["uid"] = "postgres"


def _thresholds_out_of_order(one: dict[str, Any]) -> None:
    steps = one_panel(one, "stat")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    steps += [{"color": "red", "value": 2}, {"color": "blue", "value": 1}]


def _thresholds_unsaid(one: dict[str, Any]) -> None:
    steps = one_panel(one, "stat")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    steps.append({"color": "red", "value": 2})


def _colour_alone(one: dict[str, Any]) -> None:
    for panel in lint.shown(one):
        for override in panel["fieldConfig"]["overrides"]:
            for setting in override["properties"]:
                if setting["id"] == "mappings":
                    for result in setting["value"][0]["options"].values():
                        result["text"] = "●"


def _text_panel(one: dict[str, Any]) -> None:
    one["panels"][1]["type"] = "text"


def _html_cell(one: dict[str, Any]) -> None:
    one_panel(one, "table")["fieldConfig"]["overrides"][0]["properties"].append(
        {"id": "custom.cellOptions", "value": {"type": "image"}}
    )


def _raw_link(one: dict[str, Any]) -> None:
    for panel in lint.shown(one):
        for override in panel["fieldConfig"]["overrides"]:
            for setting in override["properties"]:
                if setting["id"] == "links":
                    link = setting["value"][0]
                    link["url"] = link["url"].replace(":percentencode", "")


def _unquoted(one: dict[str, Any]) -> None:
    target = one_panel(one, "stat")["targets"][0]
    target["rawSql"] = target["rawSql"].replace("${region:sqlstring}", "'$region'")


def _unknown_variable(one: dict[str, Any]) -> None:
    target = one_panel(one, "stat")["targets"][0]
    target["rawSql"] = target["rawSql"].replace("${region:sqlstring}", "${area:sqlstring}")


def _line_for_each(one: dict[str, Any]) -> None:
    target = one_panel(one, "timeseries")["targets"][0]
    target.pop("rawSql")
    target["expr"] = "max by (school) (hakaru_school_pupils)"


def _bare_series(one: dict[str, Any]) -> None:
    target = one_panel(one, "timeseries")["targets"][0]
    target.pop("rawSql")
    target["expr"] = "hakaru_school_pupils"


def _no_pages(one: dict[str, Any]) -> None:
    one_panel(one, "table")["options"]["footer"]["enablePagination"] = False


def _narrow(one: dict[str, Any]) -> None:
    one_panel(one, "table")["fieldConfig"]["overrides"][0]["properties"].append(
        {"id": "custom.width", "value": 40}
    )


def _invisible(one: dict[str, Any]) -> None:
    one_panel(one, "table")["fieldConfig"]["overrides"][0]["properties"].append(
        {"id": "thresholds", "value": {"steps": [{"color": "transparent", "value": None}]}}
    )


def _time_as_figure(one: dict[str, Any]) -> None:
    one_panel(one, "stat")["options"]["reduceOptions"]["fields"] = "/.*/"


def _zero(one: dict[str, Any]) -> None:
    target = one_panel(one, "timeseries")["targets"][0]
    target.pop("rawSql")
    target["expr"] = "sum(rate(hakaru_export_failures_total[1m])) or vector(0)"


def _other_query(one: dict[str, Any]) -> None:
    one_panel(one, "stat")["targets"][0]["rawSql"] += " AND v.runs > 0"


def _japanese(one: dict[str, Any]) -> None:
    one_panel(one, "stat")["title"] = "学校"


FAULTS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_overlap, "overlap"),
    (_wide, "is wider than the page"),
    (_same_id, "panels have id"),
    (_no_unit, "has no unit"),
    (_no_unit_of_a_column, "has no unit"),
    (_no_description, "no description"),
    (_unknown_source, "is not provisioned"),
    (_thresholds_out_of_order, "do not ascend"),
    (_thresholds_unsaid, "what its thresholds mean is not said"),
    (_colour_alone, "by colour alone"),
    (_text_panel, "may show markup"),
    (_html_cell, "as markup"),
    (_raw_link, "is not encoded"),
    (_unquoted, "is not quoted"),
    (_unknown_variable, "there is no variable area"),
    (_line_for_each, "a line for each school"),
    (_bare_series, "a line for each school"),
    (_no_pages, "has no pages"),
    (_narrow, "needs"),
    (_invisible, "is invisible"),
    (_time_as_figure, "the time too"),
    (_zero, "says 0 where nothing is known"),
    (_other_query, "ask different things"),
    (_japanese, "is not in English"),
]


@pytest.mark.parametrize(("plant", "said"), FAULTS, ids=[f.__name__ for f, _ in FAULTS])
def test_each_planted_fault_is_found(plant: Callable[[dict[str, Any]], None], said: str) -> None:
    """In the English city, of which every kind of panel is one."""
    japanese, english = copy.deepcopy(committed()[0])
    plant(english)
    found = lint.complaints([(japanese, english)], SOURCES)
    assert any(said in one for one in found), found
    assert all(one.startswith(("hakaru-city-en:", "hakaru-city:")) for one in found)


def test_a_uid_that_stands_twice_is_found() -> None:
    """Grafana would show one of both."""
    japanese, english = copy.deepcopy(committed()[0])
    english["uid"] = japanese["uid"]
    assert any("2 dashboards" in one for one in lint.complaints([(japanese, english)], SOURCES))


def test_every_rule_was_turned_red() -> None:
    """No rule without a planted fault above."""
    texts = (ROOT / "deploy/dashboards/lint.py").read_text("utf-8")
    rules = {
        one.strip() for one in re.findall(r"RULES.*?= \((.*?)\)", texts, re.DOTALL)[0].split(",")
    }
    red = set()
    for plant, _ in FAULTS:
        _, english = copy.deepcopy(committed()[0])
        plant(english)
        red |= {rule.__name__ for rule in lint.RULES if list(rule(english))}
    assert red == {one for one in rules if one}
