"""The four formats: the same bytes for the same data, and in them what they promise."""

import io
import re
import time
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest

from collector.report.document import Report
from collector.report.fonts import FILES, FontsMissing, fonts_folder
from collector.report.formats import Format, Manner, file_name, write
from collector.report.letters import letters_of

BLOCKS = {
    "ja": (
        "（1）必要なネットワーク速度が確保できている学校数、総学校数に占める割合",
        "（2）① ネットワークアセスメントの実施等により、既に解消すべき課題を特定するスケジュール",
        "（2）② ネットワークアセスメントを踏まえた改善スケジュール",
        "（2）③ 既に解消すべき課題が明らかになっている場合の解決の方法と実施スケジュール",
    ),
    "en": (
        "(1) Number and share of schools with the required network speed",
        "(2-1) Schedule for identifying the problems",
        "(2-2) Schedule for improvement",
        "(2-3) Solution and schedule for problems already clear",
    ),
}


def squeezed(text: str) -> str:
    """Text without blanks and breaks."""
    return re.sub(r"\s|\u200b|\u00a0", "", text)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("wanted", list(Format))
def test_the_same_report_gives_the_same_bytes(
    report: Report, wanted: Format, language: str
) -> None:
    """Across two seconds, which is what ZIP times are counted in; another stated time differs."""
    manner = Manner(language=language)
    first = write(report, wanted, manner)
    time.sleep(2.1 if wanted is Format.XLSX else 0)
    assert write(report, wanted, manner) == first
    if wanted is not Format.CSV:
        later = replace(report, stated_at=report.stated_at + timedelta(days=1))
        assert write(later, wanted, manner) != first


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_pdf_prints_the_four_blocks_and_the_method_on_every_page(
    report: Report, language: str
) -> None:
    """Title, language and date are in it; the first page has the count and the share."""
    content = write(report, Format.PDF, Manner(language=language))
    reader = pypdf.PdfReader(io.BytesIO(content))
    pages = [squeezed(page.extract_text()) for page in reader.pages]
    assert 12 <= len(pages) <= 30
    whole = "".join(pages)
    places = [whole.index(squeezed(block)) for block in BLOCKS[language]]
    assert places == sorted(places)
    statistic = "95 % 順序統計量区間" if language == "ja" else "95 % order-statistic interval"
    runs = f"N={report.method.quiet_runs:,}"
    for number, page in enumerate(pages, start=1):
        assert squeezed(statistic) in page
        assert runs in page
        assert f"{number}/{len(pages)}頁" in page or f"page{number}of{len(pages)}" in page
    assert squeezed(f"{report.city.met} / 84" if language == "ja" else "12 of 84") in pages[0]
    assert "14.3%" in pages[0]
    title = reader.metadata.title if reader.metadata else None
    assert title is not None
    assert "2026" in title
    assert reader.root_object["/Lang"] == ("ja-JP" if language == "ja" else "en-GB")
    assert reader.root_object["/MarkInfo"]["/Marked"] is not None
    assert reader.metadata is not None
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.timestamp() == report.stated_at.timestamp()


def test_names_are_drawn_with_the_fonts_own_letters(report: Report) -> None:
    """Those beyond JIS X 0208 too; what the font lacks is a geta mark, and is named."""
    lines = list(report.schools)
    lines[0] = replace(lines[0], name="髙﨑・渡邊・渡邉・①㈱小学校")
    lines[1] = replace(lines[1], name="𠮷野\U0001f3eb\u845b\U000e0100小学校")
    content = write(replace(report, schools=tuple(lines)), Format.PDF, Manner(language="ja"))
    reader = pypdf.PdfReader(io.BytesIO(content))
    text = squeezed("".join(page.extract_text() for page in reader.pages))
    assert "髙﨑・渡邊・渡邉・①㈱小学校" in text
    assert "〓野〓葛小学校" in text
    assert "U+1F3EBU+20BB7" in text


def test_the_letters_of_the_fonts_are_those_that_typst_draws() -> None:
    """JIS X 0208 whole, some beyond, none of what is known to be lacking."""
    letters = letters_of(fonts_folder())
    kanji = [bytes([row, cell]).decode("euc_jp") for row in range(0xB0, 0xF4) for cell in (0xA1,)]
    assert {sign for sign in kanji if ord(sign) not in letters} == set()
    assert {ord(sign) for sign in "髙﨑邊邉㈱①●▲□◆〓"} <= letters
    assert not {0x20BB7, 0x1F3EB, 0xFFFF} & letters


def test_all_schools_are_in_every_format(report: Report) -> None:
    """By their names."""
    names = {line.name for line in report.schools}
    for wanted in (Format.HTML, Format.CSV):
        text = write(report, wanted, Manner(language="ja")).decode()
        assert {name for name in names if name not in text} == set()
    with zipfile.ZipFile(io.BytesIO(write(report, Format.XLSX, Manner(language="ja")))) as book:
        strings = book.read("xl/sharedStrings.xml").decode()
        assert {name for name in names if name not in strings} == set()


def test_the_workbook_is_ready_to_print_and_its_heads_stay(report: Report) -> None:
    """Frozen heads, A4, columns as wide as full-width text."""
    with zipfile.ZipFile(io.BytesIO(write(report, Format.XLSX, Manner(language="ja")))) as book:
        names = re.findall(r'<sheet name="(.*?)"', book.read("xl/workbook.xml").decode())
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
        assert {info.date_time for info in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    expected = ["概要", "学校別", "区分別", "課題", "改善策", "測定端末", "根拠", "方法"]
    assert names == expected
    assert 'state="frozen"' in sheet
    assert 'paperSize="9"' in sheet
    widths = [float(one) for one in re.findall(r'<col min="2" max="2" width="([0-9.]+)"', sheet)]
    longest = max(2 * len(line.name) for line in report.schools)
    assert widths[0] >= longest


def test_a_byte_order_mark_is_written_where_it_is_asked_for(report: Report) -> None:
    """Excel needs it, others do not want it."""
    assert write(report, Format.CSV, Manner(language="ja", bom=True)).startswith(b"\xef\xbb\xbf")
    assert not write(report, Format.CSV, Manner(language="ja")).startswith(b"\xef\xbb\xbf")


def test_missing_fonts_are_said_with_what_to_do(tmp_path: Path) -> None:
    """No other font stands in; half of the files are not enough."""
    with pytest.raises(FontsMissing, match=r"fonts-morisawa-bizud-gothic.*--fonts DIR"):
        fonts_folder(None, [tmp_path])
    (tmp_path / FILES[0]).write_bytes(b"")
    with pytest.raises(FontsMissing, match=re.escape(str(tmp_path))):
        fonts_folder(tmp_path)
    assert (fonts_folder() / FILES[0]).is_file()


def test_all_four_formats_take_less_than_ten_seconds(report: Report) -> None:
    """For 84 schools, by a wide margin; of the processor, so that a busy machine fails nothing."""
    started = time.process_time()
    for wanted in Format:
        write(report, wanted, Manner(language="ja"))
    took = time.process_time() - started
    print(f"four formats of {len(report.schools)} schools: {took:.2f} s")
    assert took < 10


def test_files_are_called_by_week_and_revision(report: Report) -> None:
    """In the language of the report."""
    assert file_name(report, Format.PDF, "ja") == "学校ネットワーク週次報告_2026-W23_第1版.pdf"
    assert file_name(report, Format.CSV, "en") == "school-network-report_2026-W23_revision-1.csv"
