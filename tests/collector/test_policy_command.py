"""hakaru-collector policy and suppress, as an administrator on the machine itself uses them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector import cli
from collector.operators import audit
from collector.store import create_store
from tests.collector.conftest import a_school

EXAMPLE = Path(__file__).parents[2] / "configs" / "examples" / "policy.toml"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with A1 and B1 in the group north."""
    url = f"sqlite:///{tmp_path}/city.db"
    store = create_store(url)
    store.import_schools([a_school(code, aggregation_group="north") for code in ("A1", "B1")])
    store.close()
    monkeypatch.setenv("HAKARU_DATABASE", url)
    return url


@pytest.fixture
def said(database: str, capsys: pytest.CaptureFixture[str]) -> "Said":  # noqa: ARG001 - made first
    """Run commands."""
    return Said(capsys)


class Said:
    """Runs a command and gives its exit code and what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run ``hakaru-collector`` with these words."""
        code = cli.main(list(words))
        shown = self._capsys.readouterr()
        return code, shown.out + shown.err


def test_a_policy_is_set_shown_compared_and_removed(said: Said, tmp_path: Path) -> None:
    """What was laid down by whom stays readable; a school's whole policy says where it is from."""
    assert said("policy", "set", "--city", str(EXAMPLE), "--note", "first")[0] == 0
    code, shown = said("policy", "show", "--school", "A1", "--effective")
    assert code == 0
    assert "tests: from city" in shown
    school = tmp_path / "a1.toml"
    school.write_text('timetable.lesson = [{ days = "mon", from = "09:00", to = "09:45" }]\n')
    code, shown = said("policy", "diff", "--school", "A1", str(school))
    assert (code, '"from": "09:00"' in shown) == (0, True)
    assert said("policy", "set", "--school", "A1", str(school))[0] == 0
    code, shown = said("policy", "diff", "--school", "A1", str(school))
    assert shown == "no difference\n"
    code, shown = said("policy", "history")
    assert [line.split()[0] for line in shown.splitlines()] == ["2", "1"]
    assert "first" in shown
    assert "cli:" in shown
    code, shown = said("policy", "show", "--city", "--revision", "1")
    assert shown.startswith("revision 1 of city by cli:")
    assert said("policy", "remove", "--school", "A1")[0] == 0
    assert said("policy", "show", "--school", "A1") == (1, "school:A1 has no policy\n")
    assert said("policy", "remove", "--school", "A1")[0] == 1


def test_the_preview_counts_tests_and_bytes(said: Said) -> None:
    """For a school as it is, and with a file that is not in force yet."""
    code, shown = said("policy", "preview", "--school", "A1")
    assert (code, "no layer says what A1 tests" in shown) == (1, True)
    words = ("preview", "--school", "A1", "--from", "2026-05-11", "--days", "1", "--json")
    code, shown = said("policy", *words, "--city", "--file", str(EXAMPLE))
    day = json.loads(shown)["days"][0]
    assert (day["heavy_count"], day["runs_count"]) == (9, 107)
    assert day["most_bytes"] <= 20_000_000_000
    assert said("policy", "history") == (0, "")
    assert said("policy", "preview", "--school", "Z9")[0] == 1
    assert said("policy", "preview", "--school", "A1", "--days", "900")[0] == 2


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('zone = "Asia/Tokio"', 2, "zone: found Asia/Tokio"),
        ("tests = []", 1, "to switch off on purpose, suppress"),
        ("x = [", 2, "not TOML"),
    ],
)
def test_bad_files_change_nothing(
    said: Said, tmp_path: Path, text: str, code: int, message: str
) -> None:
    """Exit 2 for a file that is wrong, 1 for a change that would break schools."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    found, shown = said("policy", "set", "--city", str(path))
    assert found == code
    assert message in shown
    assert "nothing was changed" in shown
    assert said("policy", "history") == (0, "")
    assert said("policy", "set", "--city", str(tmp_path / "none.toml"))[0] == 2


def test_lists_are_made_shown_and_removed(said: Said) -> None:
    """A list is the exception that is no group."""
    assert said("policy", "list", "sample", "A1", "B1") == (0, "list sample: 2 schools\n")
    assert said("policy", "list") == (0, "sample: A1 B1\n")
    assert said("policy", "list", "sample", "--remove")[0] == 0
    assert said("policy", "list") == (0, "")
    assert said("policy", "list", "sample")[0] == 2


def test_suppression_is_set_shown_and_lifted(said: Said, database: str) -> None:
    """Hours, days or a Japanese time; every change is in the audit log."""
    assert said("suppress", "set", "--group", "north", "--until", "2h", "--reason", "exam")[0] == 0
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT12:30")
    assert said("suppress", "set", "--city", "--until", until, "--reason", "work")[0] == 0
    code, shown = said("suppress", "show")
    assert [line.split()[0] for line in shown.splitlines()] == ["city", "group:north"]
    assert f"until {until.replace('T', ' ')}" in shown
    assert said("suppress", "lift", "--group", "north")[0] == 0
    assert said("suppress", "lift", "--group", "north")[0] == 1
    assert said("suppress", "set", "--city", "--until", "soon", "--reason", "x")[0] == 1
    assert said("suppress", "set", "--group", "south", "--until", "2h", "--reason", "x")[0] == 1
    store = create_store(database)
    actions = [record.action for record in store.read(lambda sql: audit.newest(sql, 9))]
    store.close()
    assert actions == ["suppress.lift", "suppress.set", "suppress.set"]
    assert code == 0


def test_measuring_now_is_refused_where_it_makes_no_sense(said: Said) -> None:
    """The same rules as for a test of a policy."""
    code, shown = said(
        "policy", "measure-now", "--school", "A1", "--probe", "latency", "--target", "0x1"
    )
    assert (code, "target: found 0x1" in shown) == (2, True)
    code, shown = said(
        "policy", "measure-now", "--school", "A1", "--probe", "latency", "--target", "a.example",
        "--option", "count=5", "--option", "family=4", "--wait", "0.1",
    )  # fmt: skip
    assert (code, "hears of it within a minute" in shown) == (1, True)
    assert "no result within 0.1 s" in shown
