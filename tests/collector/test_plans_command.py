"""``hakaru-collector plans`` as a person at a terminal uses it."""

import csv
import io
import json
from pathlib import Path

import pytest

from collector import resources
from collector.cli import main
from collector.store import create_store
from tests.collector.conftest import a_school

PLANS = resources.configs_folder() / "plans"
Told = pytest.CaptureFixture[str]


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The example city, its database named by the environment."""
    monkeypatch.setenv("HAKARU_DATABASE", sqlite_url)
    folder = resources.configs_folder() / "examples"
    assert main(["school", "import", str(folder / "schools.csv")]) == 0
    return sqlite_url


def test_check_needs_no_database(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published plans check out; what needs schools is told as not checked."""
    monkeypatch.delenv("HAKARU_DATABASE", raising=False)
    assert main(["plans", "check"]) == 0
    out = capsys.readouterr().out
    assert "16 figures, 29 indicators; 9 of 13 relations hold, 0 disagree, 4 need imported" in out


def test_a_wrong_figure_ends_with_1(capsys: Told, tmp_path: Path) -> None:
    """Named on standard error; a file that is no file of plans ends with 2."""
    text = (PLANS / "takasaki.toml").read_text(encoding="utf-8")
    copy = tmp_path / "copy.toml"
    copy.write_text(text.replace("value = 3225\n", "value = 3252\n", 1), encoding="utf-8")
    assert main(["plans", "check", str(copy)]) == 1
    told = capsys.readouterr().err
    assert f"{copy} line " in told
    assert "devices.spares_percent.value: found 12.1, which must equal" in told
    assert "devices.spares 3,252" in told
    copy.write_text(text.replace("unit =", "units =", 1), encoding="utf-8")
    assert main(["plans", "check", str(copy)]) == 2


def test_disagreeing_plans_are_not_adopted(database: str, capsys: Told) -> None:
    """The city's plans do not fit the example city; its own template does."""
    assert main(["plans", "adopt", str(PLANS / "takasaki.toml")]) == 1
    assert "city.schools 6 (in the database)" in capsys.readouterr().err
    assert main(["plans", "list"]) == 2
    assert main(["plans", "adopt", str(PLANS / "template.toml")]) == 0
    assert main(["plans", "adopt", str(PLANS / "takasaki.toml"), "--despite-disagreement"]) == 0
    assert database


def test_a_value_is_noted_and_tracked(database: str, capsys: Told, tmp_path: Path) -> None:
    """Noted, listed, exported, and imported into another city's database unchanged."""
    main(["plans", "adopt", str(PLANS / "takasaki.toml"), "--despite-disagreement"])
    noted = ["plans", "actual", "affairs.without_fax", "62.5", "--on", "2026-03-31"]
    assert main([*noted, "--source", "点検表"]) == 0
    assert main([*noted[:3], "70", *noted[4:], "--source", "再集計"]) == 1
    assert main([*noted[:3], "70", *noted[4:], "--source", "再集計", "--replace"]) == 0
    for wrong in (
        ["plans", "actual", "affairs.fax", "1", "--source", "s"],
        ["plans", "actual", "affairs.without_fax", "some", "--source", "s"],
        ["plans", "actual", "affairs.cloud_system", "1", "--source", "s"],
        ["plans", "actual", "affairs.without_fax", "1", "--source", " "],
        ["plans", "actual", "affairs.without_fax", "1", "--source", "s", "--on", "2999-01-01"],
    ):
        assert main(wrong) == 2, wrong
    capsys.readouterr()
    assert main(["plans", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["indicators"]
    one = next(item for item in listed if item["indicator"] == "affairs.without_fax")
    assert (one["value"], one["noted"]["source"], one["standing"]) == (70, "再集計", "overdue")
    met = next(item for item in listed if item["indicator"] == "network.met")
    assert (met["value"], met["computed"]) == (0, True)
    output = tmp_path / "actuals.csv"
    assert main(["plans", "export", "--output", str(output)]) == 0
    assert main(["plans", "export", "--output", str(tmp_path / "actuals.xlsx")]) == 0
    assert (tmp_path / "actuals.xlsx").read_bytes()[:2] == b"PK"
    assert main(["plans", "export", "--output", str(tmp_path / "actuals.pdf")]) == 2
    capsys.readouterr()
    assert main(["plans", "import", str(output)]) == 0
    assert capsys.readouterr().out == "1 values read, 0 new or changed\n"
    rows = list(csv.reader(io.StringIO(output.read_text(encoding="utf-8-sig"))))
    assert ["2026-03-31", "70", "再集計"] in [row[5:] for row in rows]
    output.write_text(output.read_text(encoding="utf-8").replace(",70,", ",seventy,"), "utf-8")
    assert main(["plans", "import", str(output)]) == 2
    assert "column value: found 'seventy'" in capsys.readouterr().err
    assert database


def test_demand_of_a_lesson(database: str, capsys: Told) -> None:
    """Every school has an answer; unmeasured ones are 'cannot tell'."""
    asked = ["plans", "demand", "--lesson", "digital_textbook", "--concurrency", "0.4"]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"enough": 0, "not_enough": 0, "cannot_tell": 6}
    one = next(item for item in told["schools"] if item["school"] == "E001")
    assert (one["devices"], one["at_once"], one["down_bps"]) == (52, 21, 111_300_000)
    assert main([*asked, "--school", "E001"]) == 0
    assert "needs     111 Mbit/s for 21 of 52 devices" in capsys.readouterr().out
    for wrong in (
        ["plans", "demand", "--lesson", "textbook"],
        [*asked[:4], "--concurrency", "1.5"],
        [*asked[:4], "--concurrency", "NaN"],
        [*asked, "--school", "E999"],
        ["plans", "updates", "--weeks", "0"],
    ):
        assert main(wrong) == 2, wrong
    assert main(["plans", "updates"]) == 0
    assert capsys.readouterr().out.endswith("cannot_tell\n")
    store = create_store(database)
    store.import_schools([a_school("E001", 53)])
    store.close()
    capsys.readouterr()
    assert main([*asked, "--school", "E001"]) == 0
    assert "22 of 53 devices" in capsys.readouterr().out
