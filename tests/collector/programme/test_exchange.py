"""Spreadsheets: a round trip changes nothing, whatever people write; mistakes are named."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.operators.audit import newest
from collector.programme import decision_rows, fact_rows, progress_rows, texts
from collector.programme.exchange.cells import guarded, unguarded
from collector.programme.exchange.files import SHEETS, SheetName, export_file, import_file
from collector.programme.exchange.workbook import MAX_MEMBERS, NotAWorkbook, rows
from collector.programme.exchange.write import Format, Table, write
from collector.programme.facts_catalogue import FactKind, load_facts
from collector.programme.model import Decided, Decision, Fact, Grade, Progress, State
from collector.schools.table import ImportRefused
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import a_school

NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
TODAY = date(2026, 5, 18)
NASTY = (
    *("髙﨑", "渡邊", "0123", "2026-05-18", "=1+1", "'=1+1", "@SUM(A1)", "+81", "-1", "＝１", "''"),
    *(
        "\u200f右",
        "a\u202eb",
        "\u845b\U000e0100",
        "e\u0301",
        "TRUE",
        "yes",
        "1e5",
        "null",
        "_x0041_",
    ),
    *(
        'a,b\n"c"\nd',
        "50%",
        "&amp;<b>",
        "\U0001f600",
        "#REF!",
        "１２３",
        "\u3042\u3099",
        "x\u00a0y",
    ),
)
LINES = st.one_of(
    st.sampled_from([one for one in NASTY if "\n" not in one]),
    st.text(max_size=40).map(lambda one: "".join(c for c in one if texts._holds(c)).strip()),
)
NOTES = st.one_of(st.sampled_from(NASTY), LINES)
FACTS = load_facts()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store that the examples of a property share: each replaces what is in it."""
    store = create_store(f"sqlite:///{tmp_path_factory.mktemp('exchange')}/store.db")
    store.import_schools(
        [a_school("A1", name="髙﨑小学校"), a_school("007", name="渡邊"), a_school("B1")]
    )
    yield store
    store.close()


def everything(store: Store) -> list[Any]:
    """What people noted, without who."""
    return store.read(
        lambda sql: [
            *progress_rows.progress(sql),
            *fact_rows.facts(sql),
            *decision_rows.decisions(sql),
        ]
    )


def emptied(store: Store) -> None:
    """Nothing noted."""
    tables = ("progress", "progress_event", "fact", "school_finding", "school_finding_event")

    def work(sql: Any) -> None:
        for table in tables:
            sql.execute(f"DELETE FROM {table}")

    store.write(work)


def a_progress(**changes: Any) -> Progress:
    """A school under investigation."""
    given_: dict[str, Any] = {
        "school_code": "A1",
        "state": State.INVESTIGATING,
        "since_on": TODAY,
        "planned_on": None,
        "assessor": "",
        "note": "",
        "version": 0,
    }
    return Progress(**given_ | changes)


def put(store: Store, one: Progress) -> None:
    """Keep progress."""
    store.write(lambda sql: progress_rows.put_progress(sql, one, "cli:x", NOW))


@given(st.text(max_size=30))
@example("=1+1")
@example("'")
@example("\t=")
def test_a_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    """In both directions, for every text."""
    written = guarded(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert unguarded(written) == text
    assert guarded(unguarded(written)) == written


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(Format),
    assessor=LINES,
    note=NOTES,
    planned=st.none() | st.dates(date(2019, 4, 1), date(2030, 1, 1)),
    since=st.dates(date(2019, 4, 1), TODAY),
    state=st.sampled_from(State),
    code=st.sampled_from(("A1", "007")),
)
def test_progress_comes_back_as_it_went(
    shared: Store,
    form: Format,
    assessor: str,
    note: str,
    planned: date | None,
    since: date,
    state: State,
    code: str,
) -> None:
    """Export, import: nothing changed, nothing audited, the same bytes again."""
    emptied(shared)
    kept = a_progress(
        school_code=code,
        state=state,
        since_on=since,
        planned_on=planned,
        assessor=assessor,
        note=texts.note(note),
    )
    put(shared, kept)
    before = everything(shared)
    raw = export_file(shared, SheetName.PROGRESS, form)
    taken = import_file(shared, SheetName.PROGRESS, raw, "p", "cli:y", NOW)
    assert taken.changed == []
    assert everything(shared) == before
    assert export_file(shared, SheetName.PROGRESS, form) == raw


def values_of(key: str) -> Any:
    """Values that a fact can have."""
    one = FACTS[key]
    if one.kind is FactKind.NUMBER:
        return st.floats(one.low, one.high, allow_nan=False) | st.just(one.low)
    if one.kind is FactKind.YES_NO:
        return st.booleans()
    if one.kind is FactKind.CHOICE:
        return st.sampled_from(list(one.choices))
    return LINES.filter(lambda text: text and text.isprintable() and len(text) <= 200)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), form=st.sampled_from(Format), grade=st.sampled_from((Grade.DESK, Grade.ON_SITE))
)
def test_facts_and_decisions_come_back_as_they_went(
    shared: Store, data: Any, form: Format, grade: Grade
) -> None:
    """Every kind of value, to the last digit; and into an empty database the same rows."""
    emptied(shared)
    key = data.draw(st.sampled_from(sorted(FACTS)))
    fact = Fact(
        school_code="007",
        key=key,
        grade=grade,
        value=data.draw(values_of(key)),
        source=data.draw(LINES.filter(bool)),
        noted_on=TODAY,
        noted_by="cli:y",
    )
    decided = Decided(
        school_code="A1",
        finding_id="port_100m",
        decision=data.draw(st.sampled_from(Decision)),
        grade=grade,
        evidence=data.draw(NOTES.map(texts.note).filter(bool)),
        decided_on=TODAY,
        decided_by="cli:y",
        version=0,
    )
    shared.write(lambda sql: fact_rows.put_fact(sql, fact))
    shared.write(lambda sql: decision_rows.decide(sql, decided, NOW))
    before = everything(shared)
    files = {
        name: export_file(shared, name, form) for name in (SheetName.FACTS, SheetName.DECISIONS)
    }
    for name, raw in files.items():
        assert import_file(shared, name, raw, "f", "cli:y", NOW).changed == []
        assert export_file(shared, name, form) == raw
    assert everything(shared) == before
    emptied(shared)
    for name, raw in files.items():
        import_file(shared, name, as_new(raw, name), "f", "cli:y", NOW)
    assert everything(shared) == before


def as_new(raw: bytes, name: SheetName) -> bytes:
    """The same rows as CSV or XLSX, with empty versions."""
    if raw.startswith(b"PK"):
        book = openpyxl.load_workbook(io.BytesIO(raw))
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(min_row=2):
            row[len(SHEETS[name].header) - 1].value = None
            for cell in row:  # openpyxl takes what begins with = for a formula: it is a text here
                if isinstance(cell.value, str):
                    cell.data_type = "s"
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()
    head, _, rest = raw.partition(b"\r\n")
    return head + b"\r\n" + rest.removesuffix(b"1\r\n") + b"\r\n"


def test_both_files_hold_the_same_texts() -> None:
    """What one says the other says, so that they can be made from each other."""
    table = Table(
        name="t",
        header=("a", "b"),
        rows=[[*pair] for pair in zip(NASTY, reversed(NASTY), strict=True)],
        explanation=[],
    )
    found = list(rows(write(table, Format.XLSX)))
    assert found == [["a", "b"], *[[guarded(one) for one in row] for row in table.rows]]
    workbook = openpyxl.load_workbook(io.BytesIO(write(table, Format.XLSX)))
    kinds = {cell.data_type for row in workbook.worksheets[0].iter_rows() for cell in row}
    assert kinds == {"s"}


def csv_of(*lines: str) -> bytes:
    """A file of progress."""
    header = ",".join(SHEETS[SheetName.PROGRESS].header)
    return "\r\n".join([header, *lines]).encode()


def xlsx_of(*lines: list[Any]) -> bytes:
    """The same as a workbook that a person's program wrote."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(SHEETS[SheetName.PROGRESS].header))
    for line in lines:
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


WRONG = [
    ("ZZ", "", "", "investigating", "2026-05-18", "", "", "", "0"),
    ("A1", "別の学校", "", "investigating", "2026-05-18", "", "", "", "0"),
    ("A1", "", "", "going", "2026-05-18", "", "", "", "0"),
    ("A1", "", "", "investigating", "2026-02-30", "", "", "", "0"),
    ("A1", "", "", "complete", "2026-05-18", "", "", "", "0"),
    ("A1", "", "", "investigating", "2026-05-19", "", "", "", "0"),
    ("A1", "", "", "investigating", "2026-05-18", "", "+1", "", "0"),
    ("A1", "", "", "investigating", "2026-05-18", "", "", "", "7"),
    ("A1", "", "", "investigating", "2026-05-18", "", "x" * 101, "", "0"),
]
SAID = [
    "column code: found 'ZZ', allowed is the code of a school",
    "column name: found '別の学校', allowed is 髙﨑小学校, the name of A1: have rows slipped?",
    "column state: found 'going', allowed is one of not_started, investigating",
    "column since_on: found '2026-02-30', allowed is a date such as 2024-05-01",
    "column state: found 'complete', allowed is one of not_started, investigating, identified (aft",
    "column since_on: found '2026-05-19', allowed is a day from 2019-04-01 to 2026-05-18",
    "column assessor: found '+1', allowed is a text that does not begin with = + - @",
    "column version: found version 7, allowed is what it is now: this row was changed by someone",
    "allowed is at most 100 characters; these are 101",
]


@pytest.mark.parametrize(("line", "said"), list(zip(WRONG, SAID, strict=True)))
@pytest.mark.parametrize("form", Format)
def test_a_mistake_is_named_and_nothing_is_kept(
    shared: Store, form: Format, line: tuple[str, ...], said: str
) -> None:
    """File, line, column, found, allowed: the same in both; the good row beside it is not kept."""
    emptied(shared)
    good = ("007", "", "", "investigating", "2026-05-18", "", "", "", "0")
    raw = csv_of(",".join(good), ",".join(line))
    if form is Format.XLSX:
        raw = xlsx_of(list(good), list(line))
    with pytest.raises(ImportRefused) as refused:
        import_file(shared, SheetName.PROGRESS, raw, "進捗", "cli:x", NOW)
    assert [str(one) for one in refused.value.mistakes if "進捗 line 3, " in str(one)]
    assert said in str(refused.value)
    assert everything(shared) == []


def test_a_row_changed_since_the_export_is_refused_by_name(shared: Store) -> None:
    """The rows that nobody else touched stay importable; the file as a whole is not taken."""
    emptied(shared)
    put(shared, a_progress())
    old = export_file(shared, SheetName.PROGRESS, Format.CSV).decode("utf-8-sig")
    put(shared, a_progress(state=State.IDENTIFIED, version=1))
    edited = old.replace("investigating", "not_started")
    with pytest.raises(ImportRefused) as refused:
        import_file(shared, SheetName.PROGRESS, edited.encode(), "p.csv", "cli:x", NOW)
    assert "p.csv line 3, column version: found version 1" in str(refused.value)
    assert "version 2 now" in str(refused.value)
    assert shared.read(progress_rows.progress)[0].state is State.IDENTIFIED
    new = export_file(shared, SheetName.PROGRESS, Format.CSV).decode("utf-8-sig")
    changed = new.replace("identified,2026-05-18,,,", "identified,2026-05-18,2026-06-01,渡邊,")
    taken = import_file(shared, SheetName.PROGRESS, changed.encode(), "p.csv", "cli:x", NOW)
    assert (taken.changed, taken.unchanged_count) == (["A1"], 2)
    held = shared.read(progress_rows.progress)[0]
    assert (held.planned_on, held.assessor, held.version) == (date(2026, 6, 1), "渡邊", 3)
    record = shared.read(lambda sql: newest(sql, 1))[0]
    assert (record.action, record.subject) == ("progress.import", "progress")


def test_what_a_persons_spreadsheet_writes_is_understood(shared: Store) -> None:
    """Real days, missing cells at the end, an empty row, days with slashes."""
    emptied(shared)
    raw = xlsx_of(
        ["007", None, None, "investigating", datetime(2026, 5, 11), "2026/6/1"],  # noqa: DTZ001
        [],
        ["A1", "髙﨑小学校", None, "identified", date(2026, 5, 12)],
    )
    assert import_file(shared, SheetName.PROGRESS, raw, "p", "cli:x", NOW).changed == ["007", "A1"]
    found = {one.school_code: one for one in shared.read(progress_rows.progress)}
    assert found["007"].since_on == date(2026, 5, 11)
    assert found["007"].planned_on == date(2026, 6, 1)
    assert found["A1"].state is State.IDENTIFIED


def test_an_empty_value_takes_a_fact_back(shared: Store) -> None:
    """Only by who saw its version."""
    emptied(shared)
    fact = Fact(
        school_code="A1",
        key="router.model",
        grade=Grade.DESK,
        value="箱",
        source="台帳",
        noted_on=TODAY,
        noted_by="cli:x",
    )
    shared.write(lambda sql: fact_rows.put_fact(sql, fact))
    text = export_file(shared, SheetName.FACTS, Format.CSV).decode("utf-8-sig").replace("箱", "")
    stale = text.replace(",1\r\n", ",2\r\n")
    with pytest.raises(ImportRefused, match="version 1 now"):
        import_file(shared, SheetName.FACTS, stale.encode(), "f", "cli:x", NOW)
    assert import_file(shared, SheetName.FACTS, text.encode(), "f", "cli:x", NOW).changed == ["A1"]
    assert everything(shared) == []
    measured = replace(fact, grade=Grade.AGENT)
    shared.write(lambda sql: fact_rows.replace_measured(sql, ["A1"], [measured]))
    assert b"router.model" not in export_file(shared, SheetName.FACTS, Format.CSV)
    forged = text.replace(",desk,,", ",agent,箱,").replace(",1\r\n", ",\r\n")
    with pytest.raises(ImportRefused, match="what the agent measures is not edited"):
        import_file(shared, SheetName.FACTS, forged.encode(), "f", "cli:x", NOW)


def zipped(parts: dict[str, bytes]) -> bytes:
    """An archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_part(raw: bytes, name: str, content: bytes) -> bytes:
    """A workbook with one part exchanged."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    return zipped(parts | {name: content})


SHEET = "xl/worksheets/sheet1.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
BOMB = (
    '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;">]>'
    f"<worksheet {MAIN}><sheetData><row r='1'><c t='inlineStr'><is><t>&y;</t></is></c></row>"
    "</sheetData></worksheet>"
)
FAR = (
    f"<worksheet {MAIN}><dimension ref='A1:XFD1048576'/><sheetData><row r='1048576'>"
    "<c r='XFD1048576'><v>1</v></c></row></sheetData></worksheet>"
)


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Files that are no workbook, and what is said of them."""
    good = xlsx_of(["A1"])
    return {
        "a bomb of zeros": (with_part(good, SHEET, bytes(90_000_000)), "bytes unpacked"),
        "too many parts": (zipped({str(n): b"" for n in range(MAX_MEMBERS + 1)}), "parts"),
        "entities": (with_part(good, SHEET, BOMB.encode()), "XML entities"),
        "a far cell": (with_part(good, SHEET, FAR.encode()), "empty rows"),
        "no sheet": (zipped({"a": b"b"}), "a broken workbook"),
        "cut off": (good[: len(good) // 2], "a broken archive"),
        "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), "an old or encrypted workbook"),
        "broken XML": (with_part(good, SHEET, b"<worksheet"), "a broken workbook"),
    }


@pytest.mark.parametrize("case", bad_files())
def test_a_file_that_is_no_workbook_is_refused(shared: Store, case: str) -> None:
    """Quickly and in words, whatever it unpacks to."""
    raw, said = bad_files()[case]
    with pytest.raises(NotAWorkbook, match=said):
        list(rows(raw))
    with pytest.raises(ImportRefused, match=r"x\.xlsx line 1, column 1: found"):
        import_file(shared, SheetName.PROGRESS, raw, "x.xlsx", "cli:x", NOW)


def test_a_formula_is_a_mistake_of_its_cell(shared: Store) -> None:
    """Not the value that some program cached for it."""
    raw = xlsx_of(["A1", None, None, "investigating", "2026-05-18", None, None, "=1+1"])
    with pytest.raises(ImportRefused, match="line 2, column note: found a formula"):
        import_file(shared, SheetName.PROGRESS, raw, "x.xlsx", "cli:x", NOW)


def test_thousands_of_rows_come_back_in_seconds(tmp_path: Path) -> None:
    """Reading is linear; a year of a prefecture's notes is no trouble."""
    table = Table(
        name="t",
        header=("a", "b"),
        rows=[[f"S{number}", TODAY - timedelta(days=number % 900)] for number in range(3_000)],
        explanation=[],
    )
    raw = write(table, Format.XLSX)
    (tmp_path / "t.xlsx").write_bytes(raw)
    assert len(list(rows(raw))) == 3_001
