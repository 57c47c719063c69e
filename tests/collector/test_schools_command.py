"""``school import``, ``baseline`` and ``list`` against a real database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from collector import resources
from collector.store import create_store

EXAMPLES = resources.configs_folder() / "examples"
HEADER = EXAMPLES.joinpath("schools.csv").read_text(encoding="utf-8").splitlines()[0]
TEN_MISTAKES = """\
E001,みほん市立ひがし小学校,elementry,東部,52,best_effort_ipoe,1000,yes,30.3210,143.0410,
E101,新しい学校,elementary,西部,百,best_effort_pppoe,1000,no,30.3305,142.9721,
E101,同じ番号の学校,elementary,南部,247,best_effort_pppoe,1000,no,30.2907,143.0066,
E102,=HYPERLINK("x"),elementary,中央,583,guaranteed,1000,yes,30.3220,143.0033,
E103,学校,elementary,中央,583,guarantied,1000,yes,30.3220,143.0033,
E104,学校,elementary,中央,583,guaranteed,1Gbps,yes,30.3220,143.0033,
E105,学校,elementary,中央,583,guaranteed,1000,maybe,30.3220,143.0033,
E106,学校,elementary,中央,583,guaranteed,1000,yes,143.0033,143.0033,
E107,学校,elementary,中央
学校8,学校,elementary,中央,583,guaranteed,1000,yes,30.3220,143.0033,
E109,正しい学校,elementary,中央,583,guaranteed,1000,yes,30.3220,143.0033,
"""


def school(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``hakaru-collector school``."""
    return subprocess.run(
        [sys.executable, "-m", "collector.cli", "school", *arguments, "--database", database],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Give a database with the example city and its baseline."""
    url = f"sqlite:///{tmp_path}/city.db"
    for action, file in (("import", "schools.csv"), ("baseline", "baseline.csv")):
        done = school(url, action, str(EXAMPLES / file))
        assert done.returncode == 0, done.stderr
    return url


def contents(url: str) -> tuple[object, ...]:
    """Read all schools and the baseline."""
    store = create_store(url)
    try:
        return tuple(store.schools()), dict(store.baseline())
    finally:
        store.close()


def test_ten_mistakes_give_ten_messages_and_change_nothing(database: str, tmp_path: Path) -> None:
    """Each of ten different mistakes is named exactly; not even the good row is imported."""
    before = contents(database)
    file = tmp_path / "bad.csv"
    file.write_text(f"{HEADER}\n{TEN_MISTAKES}", encoding="utf-8")
    done = school(database, "import", str(file))
    *messages, last = done.stderr.splitlines()
    whole = "a whole number from 1 to {}, without separators or unit"
    kinds = "elementary, junior_high, compulsory, special_needs (did you mean elementary?)"
    lines = (
        "best_effort_pppoe, best_effort_ipoe, guaranteed, centre_aggregated, mobile, other "
        "(did you mean guaranteed?)"
    )
    expected = [
        ("2, column kind", "'elementry'", f"one of {kinds}"),
        ("3, column pupils", "'百'", whole.format(20000)),
        ("4, column code", "'E101'", "each code once; it is already on line 3"),
        (
            "5, column name",
            "'=HYPERLINK(\"x\")'",
            "a text that does not begin with = + - @ (a formula)",
        ),
        ("6, column line", "'guarantied'", f"one of {lines}"),
        ("7, column contracted_mbps", "'1Gbps'", whole.format(1000000)),
        ("8, column sample", "'maybe'", "one of yes, no"),
        (
            "9, column latitude",
            "'143.0033'",
            "a number from 20 to 46 (degrees north, in Japan)",
        ),
        ("10, column 5", "nothing", "11 fields; this row has 4"),
        (
            "11, column code",
            "'学校8'",
            "up to 32 half-width letters, digits, . _ - (first a letter or digit)",
        ),
    ]
    assert messages == [
        f"{file} line {place}: found {found}, allowed is {allowed}"
        for place, found, allowed in expected
    ]
    assert last == "10 mistakes: nothing was changed"
    assert (done.returncode, done.stdout) == (2, "")
    assert contents(database) == before


def test_a_refused_file_leaves_no_database(tmp_path: Path) -> None:
    """A bad file does not even make the database."""
    file = tmp_path / "bad.csv"
    file.write_text("code,name\n", encoding="utf-8")
    done = school(f"sqlite:///{tmp_path}/new.db", "import", str(file), "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["changed"] is False
    assert list(tmp_path.iterdir()) == [file]


def test_import_says_what_it_did(database: str, tmp_path: Path) -> None:
    """Added, updated and unchanged schools are counted; absent ones are named and kept."""
    rows = EXAMPLES.joinpath("schools.csv").read_text(encoding="utf-8").splitlines()
    rows = [row.replace(",118,", ",119,") for row in rows if not row.startswith("S001")]
    rows.append(rows[1].replace("E001", "E900"))
    file = tmp_path / "next.csv"
    file.write_text("\n".join(rows), encoding="cp932")
    done = school(database, "import", str(file), "--json")
    assert json.loads(done.stdout) == {
        "changed": True,
        "added": 1,
        "updated": 1,
        "unchanged": 4,
        "not_in_file": ["S001"],
    }
    listed = json.loads(school(database, "list", "--json").stdout)["schools"]
    assert {item["code"] for item in listed} >= {"S001", "E900"}
    assert next(item for item in listed if item["code"] == "E002")["pupils"] == 119
    again = school(database, "import", str(file))
    assert again.stdout.splitlines() == [
        "0 added, 0 updated, 6 unchanged",
        "1 not in the file, kept as they are: S001",
    ]


def test_the_baseline_is_kept_beside_the_schools(database: str) -> None:
    """The example baseline is stored in bit/s with date and source; list shows who met it."""
    store = create_store(database)
    try:
        entry = store.baseline()["E001"]
        assert (entry.met, entry.measured_bps, entry.surveyed_on) == (
            True,
            131_500_000,
            "2024-05-20",
        )
        assert store.baseline()["E003"].measured_bps is None
    finally:
        store.close()
    listing = school(database, "list").stdout
    assert "E001     52 pupils  baseline met" in listing
    assert listing.splitlines()[-1] == "6 schools, 1486 pupils"


def test_a_bad_baseline_changes_nothing(database: str, tmp_path: Path) -> None:
    """Unknown codes, bad dates and words are named by line, and the old baseline stays."""
    before = contents(database)
    file = tmp_path / "baseline.csv"
    file.write_text(
        "code,met,measured_mbps,surveyed_on,source\n"
        "E001,yes,100,2024/5/1,調査\n"
        "E01,yes,100,2024-05-01,調査\n"
        "E002,perhaps,fast,2024-02-30,\n",
        encoding="utf-8",
    )
    done = school(database, "baseline", str(file))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        (
            f"{file} line 3, column code: found 'E01', allowed is the code of an imported school "
            "(did you mean E001?); import the schools first"
        ),
        f"{file} line 4, column met: found 'perhaps', allowed is one of yes, no",
        (
            f"{file} line 4, column measured_mbps: found 'fast', allowed is "
            "a number from 0 to 1000000 (Mbit/s)"
        ),
        (
            f"{file} line 4, column surveyed_on: found '2024-02-30', allowed is a date such as "
            "2024-05-01"
        ),
        f"{file} line 4, column source: found nothing, allowed is 1 to 100 characters",
        "5 mistakes: nothing was changed",
    ]
    assert contents(database) == before


@pytest.mark.parametrize(
    ("database_url", "message"),
    [("", "no database is named: give --database"), ("foo", "'foo' is no database URL")],
)
def test_a_missing_database_is_explained(database_url: str, message: str) -> None:
    """Without a usable database the command says which argument to give."""
    done = school(database_url, "list")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_explained(database: str) -> None:
    """A file that is not there ends with exit code 2 and its name."""
    done = school(database, "import", "/no/such.csv")
    assert done.returncode == 2
    assert "/no/such.csv: cannot be read (No such file or directory)" in done.stderr


@pytest.mark.parametrize(
    "address", ["hakaru.city.example", "https://", "ftp://a.example", "https://a b", "https://a:x"]
)
def test_a_code_for_an_address_that_is_none_is_refused(database: str, address: str) -> None:
    """Before letters with such QR codes are printed; and no code is made."""
    done = school(database, "enrol-code", "E001", "--collector", address)
    assert done.returncode == 2
    assert done.stderr.startswith(f"--collector: found {address!r}, allowed is https://HOST")
    assert done.stdout == ""
