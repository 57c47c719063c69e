"""The pages of reports: viewers read and download, operators issue."""

import re
from datetime import timedelta

import httpx
import pytest

from collector.report import issue_rows
from collector.report.settings import load_settings
from collector.store.interface import Store
from tests.collector.conftest import Maker, Serve, Serving
from tests.collector.report.test_report_issue import WEEK, measured


@pytest.fixture(params=["sqlite"])
def url(sqlite_url: str) -> str:
    """The pages do not care which database it is; its rows are tested on both."""
    return sqlite_url


@pytest.fixture
def serving(serve: Serve, store: Store, make: Maker) -> Serving:
    """A collector with one week of results."""
    measured(store, make, WEEK.end, "A1", 6e8)
    return serve(reports=load_settings(None))


def test_an_operator_issues_and_a_viewer_reads_and_downloads(serving: Serving) -> None:
    """Four files, under names in Japanese, that a browser saves and does not run."""
    operator, viewer = serving.desk("operator"), serving.desk("viewer")
    assert "発行された報告書はまだありません" in viewer.get("/reports").text
    assert operator.send("/reports", week="2026-W20").status_code == 303
    again = operator.send("/reports", week="2026-W20")
    assert "第 1 版から変わっていません" in again.text
    page = viewer.get("/reports").text
    links = re.findall(r'href="(/reports/2026-W20/1/report\.[a-z]+\?lang=ja)"', page)
    assert len(links) == 4
    starts = (b"%PDF-", b"PK", b"<!doctype html>", b"\xef\xbb\xbf")
    for link, start in zip(links, starts, strict=True):
        answer = viewer.get(link)
        assert answer.status_code == 200
        assert answer.content.startswith(start)
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith('attachment; filename="report-2026-W20-1.')
        assert "filename*=UTF-8''%E5%AD%A6%E6%A0%A1" in disposition
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "必要なネットワーク速度を満たしています" in viewer.get("/reports/2026-W20/1").text


def test_a_viewer_does_not_issue(serving: Serving, store: Store) -> None:
    """Nor is the form shown to them."""
    viewer = serving.desk("viewer")
    assert '<form class="card account"' not in viewer.get("/reports").text
    assert viewer.send("/reports", week="2026-W20").status_code == 403
    assert store.read(lambda sql: issue_rows.issues(sql, simulated=False)) == []


@pytest.mark.parametrize("week", ["2026-W21", "2031-W01", "nonsense", "", "2026-W20<script>"])
def test_weeks_without_verdicts_are_not_issued(serving: Serving, week: str) -> None:
    """Nor weeks that have not ended."""
    answer = serving.desk("operator").send("/reports", week=week)
    assert answer.status_code == 400
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/reports/2026-W20/9",
        "/reports/2026-W20/x",
        "/reports/W/1",
        "/reports/2026-W20/1/report.docx",
        "/reports/2026-W20/1/other.pdf",
        "/reports/2026-W20/99999999999999999999/report.pdf",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(serving: Serving, path: str) -> None:
    """404, with a sentence."""
    operator = serving.desk("operator")
    operator.send("/reports", week="2026-W20")
    answer = operator.get(path)
    assert answer.status_code == 404
    assert "その報告書はありません" in answer.text


def test_the_changes_of_a_revision_are_on_its_page(
    serving: Serving, store: Store, make: Maker
) -> None:
    """By school, before and after, in both languages."""
    operator = serving.desk("operator")
    operator.send("/reports", week="2026-W20")
    measured(store, make, WEEK.end + timedelta(days=2), "B1", 5e7)
    operator.send("/reports", week="2026-W20")
    english: httpx.Response = operator.get("/reports/2026-W20/2?lang=en")
    assert "Verdict (outside lessons)" in english.text
    assert "Undetermined" in english.text
