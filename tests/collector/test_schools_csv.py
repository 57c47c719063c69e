"""Schools from CSV: what is read, in which encodings, and each mistake with its message."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.schools.csv_import import SCHOOLS_HEADER, ImportRefused, parse_schools
from collector.schools.model import Kind, Line, School

HEADER = ",".join(SCHOOLS_HEADER)
GOOD = "E001,みほん小学校,elementary,東部,52,best_effort_ipoe,1000,yes,30.321,143.041,kita-1"
EXAMPLE = (resources.configs_folder() / "examples" / "schools.csv").read_bytes()
KINDS = "one of elementary, junior_high, compulsory, special_needs"
LINES = "one of best_effort_pppoe, best_effort_ipoe, guaranteed, centre_aggregated, mobile, other"
WHOLE = "a whole number from 1 to 20000, without separators or unit"


def csv_of(*rows: str, header: str = HEADER) -> bytes:
    """Give a file of the header and these rows."""
    return "\n".join((header, *rows, "")).encode()


def row(**fields: str) -> str:
    """Give the good row with some fields changed."""
    values = dict(zip(SCHOOLS_HEADER, GOOD.split(","), strict=True)) | fields
    return ",".join(values.values())


def refusal(raw: bytes) -> list[str]:
    """Give the messages of a refused file."""
    with pytest.raises(ImportRefused) as caught:
        parse_schools(raw, "f.csv")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_field_is_read() -> None:
    """A good row becomes a school, field by field."""
    assert parse_schools(csv_of(GOOD), "f.csv") == [
        School(
            code="E001",
            name="みほん小学校",
            kind=Kind.ELEMENTARY,
            region="東部",
            pupils=52,
            line=Line.BEST_EFFORT_IPOE,
            contracted_mbps=1000,
            sample=True,
            latitude=30.321,
            longitude=143.041,
            aggregation_group="kita-1",
        )
    ]


def test_what_may_be_left_empty() -> None:
    """Contracted speed, sample, coordinates and group may be empty: unknown, not sample."""
    empty = row(contracted_mbps="", sample="", latitude="", longitude="", aggregation_group="")
    (school,) = parse_schools(csv_of(empty, ",,,,,,,,,,", ""), "f.csv")
    assert (school.contracted_mbps, school.sample, school.latitude) == (None, False, None)


@pytest.mark.parametrize(
    ("field", "word", "meaning"),
    [
        ("kind", "小学校", Kind.ELEMENTARY),
        ("kind", "中学校", Kind.JUNIOR_HIGH),
        ("kind", "Junior High", Kind.JUNIOR_HIGH),
        ("kind", "義務教育学校", Kind.COMPULSORY),
        ("kind", "特別支援学校", Kind.SPECIAL_NEEDS),
        ("line", "ＰＰＰｏＥ", Line.BEST_EFFORT_PPPOE),
        ("line", "ベストエフォート(IPoE)", Line.BEST_EFFORT_IPOE),
        ("line", "帯域確保", Line.GUARANTEED),
        ("line", "センター集約", Line.CENTRE_AGGREGATED),
        ("line", "モバイル", Line.MOBILE),
        ("sample", "○", True),
        ("sample", "いいえ", False),
        ("sample", "FALSE", False),
        ("pupils", "５２", 52),
        ("latitude", "３０．３２１", 30.321),
    ],
)
def test_words_and_digits_of_japanese_sheets(field: str, word: str, meaning: object) -> None:
    """Japanese words, other spellings and full-width digits are understood."""
    (school,) = parse_schools(csv_of(row(**{field: word})), "f.csv")
    assert getattr(school, field) == meaning


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_of_spreadsheets(encoding: str, newline: str) -> None:
    """UTF-8 with and without mark and CP932, either line end, give the same schools."""
    text = EXAMPLE.decode().replace("\n", newline)
    assert parse_schools(text.encode(encoding), "f.csv") == parse_schools(EXAMPLE, "f.csv")
    assert len(parse_schools(EXAMPLE, "f.csv")) == 6


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            EXAMPLE.replace("東部".encode(), "東部".encode()[:-1], 1),
            "f.csv line 2, column 1: found byte 0xe9, which is no UTF-8, allowed is",
        ),
        (
            b"\xef\xbb\xbf" + EXAMPLE.decode().encode("cp932"),
            "f.csv line 2, column 1: found byte 0x82, which is no UTF-8, allowed is",
        ),
        (EXAMPLE.decode().encode("utf-16"), "f.csv line 1, column 1: found UTF-16 text"),
        (
            csv_of(GOOD) + b"\xff\xff",
            "f.csv line 3, column 1: found byte 0xff, which is no UTF-8",
        ),
        (
            csv_of("E001,x").replace(b"x", b"\x81"),
            "f.csv line 2, column 1: found byte 0x81, which is neither UTF-8 nor CP932",
        ),
    ],
)
def test_damaged_text_is_not_guessed_at(raw: bytes, message: str) -> None:
    """Damaged UTF-8 is never read as garbled CP932; the line of the damage is named."""
    (found,) = refusal(raw)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("fields", "column", "found", "allowed"),
    [
        ({"kind": "elementry"}, "kind", "'elementry'", f"{KINDS} (did you mean elementary?)"),
        ({"kind": "高校"}, "kind", "'高校'", KINDS),
        ({"line": "guarantied"}, "line", "'guarantied'", f"{LINES} (did you mean guaranteed?)"),
        ({"pupils": "0"}, "pupils", "'0'", WHOLE),
        ({"pupils": "-5"}, "pupils", "'-5'", WHOLE),
        ({"pupils": "52.5"}, "pupils", "'52.5'", WHOLE),
        ({"pupils": '"1,052"'}, "pupils", "'1,052'", WHOLE),
        ({"pupils": ""}, "pupils", "nothing", WHOLE),
        ({"pupils": "52人"}, "pupils", "'52人'", WHOLE),
        (
            {"contracted_mbps": "1Gbps"},
            "contracted_mbps",
            "'1Gbps'",
            "a whole number from 1 to 1000000, without separators or unit",
        ),
        ({"sample": "maybe"}, "sample", "'maybe'", "one of yes, no"),
        (
            {"latitude": "139"},
            "latitude",
            "'139'",
            "a number from 20 to 46 (degrees north, in Japan)",
        ),
        (
            {"longitude": "nan"},
            "longitude",
            "'nan'",
            "a number from 122 to 154 (degrees east, in Japan)",
        ),
        (
            {"latitude": ""},
            "latitude",
            "nothing",
            "a number, because longitude is given; or leave both empty",
        ),
        (
            {"code": "Ｅ００１"},
            "code",
            "'Ｅ００１'",
            "up to 32 half-width letters, digits, . _ - (first a letter or digit)",
        ),
        ({"name": ""}, "name", "nothing", "1 to 100 characters"),
        ({"name": "長" * 101}, "name", "'" + "長" * 57 + "...'", "at most 100 characters"),
        (
            {"name": "=cmd|'/c calc'!A1"},
            "name",
            "'=cmd|'/c calc'!A1'",
            "a text that does not begin with = + - @ (a formula)",
        ),
        (
            {"region": "＠東部"},
            "region",
            "'＠東部'",
            "a text that does not begin with = + - @ (a formula)",
        ),
        (
            {"name": "みほん\u202e小学校"},
            "name",
            "'みほん?小学校'",
            "one line without control or invisible characters",
        ),
        (
            {"aggregation_group": "\x1b[31mred"},
            "aggregation_group",
            "'?[31mred'",
            "one line without control or invisible characters",
        ),
    ],
)
def test_each_mistake_is_named(
    fields: dict[str, str], column: str, found: str, allowed: str
) -> None:
    """One wrong field gives one message: file, line, column, what was found, what is allowed."""
    assert refusal(csv_of(GOOD.replace("E001", "E000"), row(**fields))) == [
        f"f.csv line 3, column {column}: found {found}, allowed is {allowed}"
    ]


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        (b"", [f"f.csv line 1, column 1: found nothing, allowed is the header {HEADER}"]),
        (csv_of(), ["f.csv line 2, column code: found nothing, allowed is at least one school"]),
        (
            csv_of(GOOD, header=HEADER.replace("pupils", "pupil")),
            ["f.csv line 1, column 5: found 'pupil', allowed is the name pupils"],
        ),
        (
            csv_of(GOOD, header="code,name"),
            [f"f.csv line 1, column 1: found 'code,name', allowed is the header {HEADER}"],
        ),
        (
            csv_of(GOOD, row(code="E002") + ",more", "E003,short"),
            [
                "f.csv line 3, column 12: found 'more', allowed is 11 fields; this row has 12",
                "f.csv line 4, column 3: found nothing, allowed is 11 fields; this row has 2",
            ],
        ),
        (
            csv_of(GOOD, row(name="二番目の学校")),
            [
                (
                    "f.csv line 3, column code: found 'E001', allowed is each code once; "
                    "it is already on line 2"
                )
            ],
        ),
    ],
)
def test_mistakes_of_the_whole_file(raw: bytes, messages: list[str]) -> None:
    """Header, width of rows, repeated codes and empty files have their own messages."""
    assert refusal(raw) == messages


def test_lines_are_those_of_the_file() -> None:
    """After empty rows and a name over two lines, the line named is the one in the editor."""
    messages = refusal(csv_of("", ",,,,,,,,,,", row(name='"二\n行"'), row(code="E2", pupils="x")))
    assert [message.split(":")[0] for message in messages] == [
        "f.csv line 4, column name",
        "f.csv line 6, column pupils",
    ]


def test_broken_quoting_is_named() -> None:
    """A quote that is never closed is refused at the line where it begins."""
    (message,) = refusal(csv_of(GOOD, row(code="E002", name='"みほん')))
    assert message.startswith("f.csv line 3, column 1: found broken CSV (")


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(raw: bytes) -> None:
    """Whatever the bytes, under a good header too, the only exception is ImportRefused."""
    for candidate in (raw, csv_of() + raw):
        with pytest.raises(ImportRefused):
            parse_schools(candidate, "f.csv")


@given(st.lists(st.text(max_size=20), min_size=11, max_size=11))
def test_any_fields_are_read_or_refused(fields: list[str]) -> None:
    """Rows of any text never give a school that a page or a spreadsheet could choke on."""
    quoted = ",".join('"' + field.replace('"', '""') + '"' for field in fields)
    try:
        schools = parse_schools(csv_of(quoted), "f.csv")
    except ImportRefused:
        schools = []
    assert all(not school.name.startswith(("=", "+", "-", "@")) for school in schools)


def test_a_field_of_marks_is_refused_at_once() -> None:
    """Numbers and words are short: what is not is not normalised, which would take seconds."""
    marks = "\u0300" * 20_000 + "\u0316" * 20_000
    began = time.process_time()
    for column in ("pupils", "kind", "sample", "latitude"):
        assert len(refusal(csv_of(row(**{column: marks})))) == 1
    assert time.process_time() - began < 2
