"""On-site assessment and spreadsheets over real HTTP: forms, files, two people, who may."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from collector.cli import main
from collector.operators.audit import newest
from collector.operators.signed_in import form_token
from collector.programme import attachment_rows, decision_rows, fact_rows, progress_rows
from collector.programme.attach import MAX_FILES, file_name
from collector.programme.model import Decision, Grade, State
from collector.store import create_store
from tests.collector.conftest import Desk, Serving, a_school
from tests.collector.programme import pictures as made


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The rows are tried on both databases by their own tests; files here by one below."""
    return sqlite_url


ATTACH = "/schools/A1/assessment/attachments"


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """The browser of an operator."""
    return serving.desk("operator")


def upload(desk: Desk, path: str, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
    """Send a form with files, as a browser does."""
    return desk.client.post(
        path,
        data={"csrf": form_token(desk.token)} | fields,
        files=[("file", (name, content, "text/html")) for name, content in files],
    )


def facts(serving: Serving) -> dict[str, Any]:
    """What was noted on site at A1."""
    found = serving.store.read(lambda sql: fact_rows.facts(sql, "A1"))
    return {one.key: one for one in found if one.grade is Grade.ON_SITE}


def test_a_section_of_the_checklist_is_kept(serving: Serving, desk: Desk) -> None:
    """Numbers as contracts write them, choices, texts; who, when and from where; taken back."""
    page = desk.get("/schools/A1/assessment?lang=en").text
    assert "Line and contract" in page
    sent = {
        "section": "line",
        "source": "契約書",
        "fact:line.contract_bps": "１G",
        "version:line.contract_bps": "0",
        "fact:line.kind": "best_effort_pppoe",
        "version:line.kind": "0",
        "fact:line.carrier": "=髙﨑通信",
        "version:line.carrier": "0",
    }
    assert desk.send("/schools/A1/assessment", **sent).status_code == 303
    found = facts(serving)
    assert found["line.contract_bps"].value == 1e9
    assert found["line.carrier"].value == "=髙﨑通信"
    assert (found["line.kind"].source, found["line.kind"].noted_by) == (
        "契約書",
        f"operator:{desk.name}",
    )
    assert "=髙﨑通信" in desk.get("/schools/A1/assessment").text
    back = sent | {"fact:line.carrier": "", "version:line.carrier": "1"}
    back |= {"version:line.contract_bps": "1", "version:line.kind": "1"}
    assert desk.send("/schools/A1/assessment", **back).status_code == 303
    assert "line.carrier" not in facts(serving)
    assert facts(serving)["line.kind"].version == 1  # not changed, so not written


def test_the_second_of_two_who_note_is_told_and_loses_nothing(serving: Serving, desk: Desk) -> None:
    """409, what stands and what was typed side by side; nothing of the form was kept."""
    first = {
        "section": "line",
        "source": "x",
        "fact:line.carrier": "甲通信",
        "version:line.carrier": "0",
        "fact:line.shared": "yes",
        "version:line.shared": "0",
    }
    assert desk.send("/schools/A1/assessment", **first).status_code == 303
    other = serving.desk("operator", "second")
    late = other.send(
        "/schools/A1/assessment",
        **first | {"fact:line.carrier": "乙通信", "fact:line.shared": "no"},
    )
    assert late.status_code == 409
    assert "甲通信" in late.text
    assert 'value="乙通信"' in late.text
    assert facts(serving)["line.carrier"].value == "甲通信"
    assert facts(serving)["line.shared"].value is True


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("line.contract_bps", "fast", "allowed is a number from"),
        ("line.kind", "copper", "allowed is one of best_effort_pppoe"),
        ("line.shared", "perhaps", "allowed is true or false"),
        ("line.carrier", "a\tb", "control characters"),
    ],
)
def test_a_value_that_cannot_be_is_named(
    serving: Serving, desk: Desk, key: str, value: str, said: str
) -> None:
    """422 with key, found and allowed; what was typed stays."""
    sent = {"section": "line", "source": "x", f"fact:{key}": value, f"version:{key}": "0"}
    reply = desk.send("/schools/A1/assessment", **sent)
    assert reply.status_code == 422
    assert said in reply.text
    assert key in reply.text
    assert facts(serving) == {}


def test_files_are_kept_clean_and_given_back_safely(serving: Serving, desk: Desk) -> None:
    """By content, not by name or type; never shown as a page; twice the same is one."""
    sent = [("../../rack<1>.html", made.jpeg()), ("図面.pdf", made.PDF)]
    assert upload(desk, ATTACH, *sent, section="router", note="ラック").status_code == 303
    assert upload(desk, ATTACH, sent[0]).status_code == 303
    kept = serving.store.read(lambda sql: attachment_rows.attachments(sql, "A1"))
    assert [(one.file_name, one.media_type.value, one.item) for one in kept] == [
        ("rack1.jpg", "image/jpeg", "router"),
        ("図面.pdf", "application/pdf", "router"),
    ]
    given = serving.desk("viewer").get(f"/schools/A1/attachments/{kept[0].attachment_id}")
    assert made.GPS not in given.content
    assert given.headers["content-disposition"] == "attachment; filename*=UTF-8''rack1.jpg"
    assert given.headers["x-content-type-options"] == "nosniff"
    assert given.headers["content-type"] == "image/jpeg"
    assert "sandbox" in given.headers["content-security-policy"]
    elsewhere = desk.get(f"/schools/B1/attachments/{kept[0].attachment_id}")
    assert elsewhere.status_code == 404
    assert "rack1.jpg" in desk.get("/schools/A1/assessment").text
    gone = desk.send(f"/schools/A1/attachments/{kept[0].attachment_id}/remove")
    assert gone.status_code == 303
    assert desk.get(f"/schools/A1/attachments/{kept[0].attachment_id}").status_code == 404
    actions = [one.action for one in serving.store.read(lambda sql: newest(sql, 3))]
    assert actions == ["attachment.remove", "attachment.add", "attachment.add"]


@pytest.mark.parametrize(
    "content",
    [b"<script>alert(1)</script>", b"", b"\0\0\0\x18ftypheic" + bytes(40), made.jpeg()[:60]],
)
def test_a_file_of_another_kind_is_refused(serving: Serving, desk: Desk, content: bytes) -> None:
    """422 in words; nothing is kept."""
    reply = upload(desk, ATTACH, ("a.jpg", content))
    assert reply.status_code == 422
    assert serving.store.read(lambda sql: attachment_rows.attachments(sql, "A1")) == []


def test_an_upload_needs_its_token_its_route_and_its_size(serving: Serving, desk: Desk) -> None:
    """Without the form's token 403, to other routes no form at all, above the limit 413."""
    files = [("file", ("a.jpg", made.jpeg()))]
    without = desk.client.post(ATTACH, data={"csrf": "0" * 64}, files=files)
    assert without.status_code == 403
    viewer = serving.desk("viewer")
    assert upload(viewer, ATTACH, ("a.jpg", made.jpeg())).status_code == 403
    assert upload(desk, "/schools/A1/progress", ("a.jpg", made.jpeg())).status_code == 403
    large = upload(desk, ATTACH, ("a.jpg", bytes(10_200_000)))
    assert large.status_code == 413
    fits = upload(desk, ATTACH, ("a.pdf", made.PDF + bytes(9_900_000)))
    assert fits.status_code == 303
    too_many = upload(desk, ATTACH, *[(f"{n}.pdf", made.PDF) for n in range(11)])
    assert too_many.status_code == 422


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"", "x"),
        (b"--x\r\nContent-Disposition: form-data; name=csrf\r\n\r\nhalf", "x"),
        (b"--x\r\nContent-Disposition: attachment\r\n\r\na\r\n--x--\r\n", "x"),
        (b"garbage", "x"),
        (b"--x--", "x" * 100),
        (
            b"".join(
                b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(99)
            ),
            "x",
        ),
    ],
)
def test_a_broken_form_is_refused(desk: Desk, body: bytes, boundary: str) -> None:
    """400 or 403, never 500."""
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert desk.client.post(ATTACH, content=body, headers=headers).status_code in (400, 403)


def test_no_school_keeps_more_than_its_files(serving: Serving, desk: Desk) -> None:
    """The limit is said in words."""
    for start in range(0, MAX_FILES, 10):
        files = [(f"{n}.pdf", made.PDF + str(n).encode()) for n in range(start, start + 10)]
        assert upload(desk, ATTACH, *files).status_code == 303
    over = upload(desk, ATTACH, ("x.pdf", made.PDF + b"x"))
    assert over.status_code == 422
    assert f"allowed are {MAX_FILES}" in over.text
    assert len(serving.store.read(lambda sql: attachment_rows.attachments(sql, "A1"))) == MAX_FILES


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\写真\\図.JPEG", "図.jpg"),
        ("..", "file.jpg"),
        ("a\u202egpj.exe", "agpj.jpg"),
        ('a"; filename=b', "a filename=b.jpg"),
        ("x" * 300, "x" * 80 + ".jpg"),
    ],
)
def test_a_file_has_a_plain_name(sent: str, kept: str) -> None:
    """No path, no marks, and the ending that its content has."""
    assert file_name(sent, ".jpg") == kept


def test_a_finding_is_decided_with_evidence(serving: Serving, desk: Desk) -> None:
    """Grade, day and person are kept; without evidence or with an old version it is not."""
    sent = {
        "finding": "port_100m",
        "decision": "confirmed",
        "grade": "on_site",
        "evidence": "ケーブルの印字 CAT5\r\nリンク 100M",
        "decided_on": "2026-05-18",
        "version:decision": "0",
    }
    path = "/schools/A1/assessment/decisions"
    assert desk.send(path, **sent | {"evidence": " "}).status_code == 422
    assert desk.send(path, **sent | {"decided_on": "2027-01-01"}).status_code == 422
    assert desk.send(path, **sent | {"finding": "no_such"}).status_code == 422
    assert desk.send(path, **sent | {"decision": "maybe"}).status_code == 422
    assert serving.store.read(decision_rows.decisions) == []
    assert desk.send(path, **sent).status_code == 303
    kept = serving.store.read(decision_rows.decisions)[0]
    assert (kept.decision, kept.evidence) == (
        Decision.CONFIRMED,
        "ケーブルの印字 CAT5\nリンク 100M",
    )
    late = desk.send(path, **sent | {"decision": "rejected", "evidence": "別の見立て"})
    assert late.status_code == 409
    assert "別の見立て" in late.text
    assert serving.store.read(decision_rows.decisions) == [kept]


def test_progress_is_changed_from_its_page(serving: Serving, desk: Desk) -> None:
    """Allowed states only; the second editor sees both; the city's page counts."""
    path = "/schools/A1/progress"
    sent = {"state": "investigating", "since_on": "2026-05-18", "assessor": "渡邊", "version": "0"}
    assert desk.send(path, **sent).status_code == 303
    late = desk.send(path, **sent | {"assessor": "髙﨑"})
    assert late.status_code == 409
    assert "渡邊" in late.text
    assert "髙﨑" in late.text
    wrong = desk.send(path, **sent | {"state": "complete", "version": "1"})
    assert wrong.status_code == 422
    assert desk.send(path, **sent | {"state": "identified", "version": "1"}).status_code == 303
    assert serving.store.read(progress_rows.progress)[0].state is State.IDENTIFIED
    page = desk.get("/programme?lang=en").text
    assert "1 of 2 schools" in page
    assert "<polyline" in page
    assert "1 schools open" in page
    deadline = desk.send("/programme/deadline", deadline="2025-03-31")
    assert deadline.status_code == 303
    assert "overdue by 413 days" in desk.get("/programme?lang=en").text
    assert desk.send("/programme/deadline", deadline="soon").status_code == 422


def test_a_spreadsheet_goes_out_and_comes_back(serving: Serving, desk: Desk) -> None:
    """Edited in a spreadsheet, taken in by page; unedited nothing changes; a mistake is named."""
    given = serving.desk("viewer").get("/programme/spreadsheets/progress.xlsx")
    assert given.headers["content-disposition"] == 'attachment; filename="progress.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(given.content))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]][:4] == ["code", "name", "sample", "state"]
    sheet["D2"], sheet["E2"] = "investigating", "2026-05-18"
    out = io.BytesIO()
    book.save(out)
    path = "/programme/spreadsheets"
    done = upload(desk, path, ("進捗.xlsx", out.getvalue()), table="progress")
    assert done.status_code == 200
    assert "1 行を変更、1 行は変更なし" in done.text
    assert serving.store.read(progress_rows.progress)[0].state is State.INVESTIGATING
    sheet["D2"] = "gone"
    out = io.BytesIO()
    book.save(out)
    wrong = upload(desk, path, ("進捗.xlsx", out.getvalue()), table="progress")
    assert wrong.status_code == 422
    assert "進捗.xlsx line 2, column state" in wrong.text
    assert desk.get("/programme/spreadsheets/audit_log.csv").status_code == 404
    assert upload(desk, path, table="progress").status_code == 422
    assert upload(serving.desk("viewer"), path, ("a", b"b"), table="progress").status_code == 403


def test_the_commands_do_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Progress set, exported, imported; facts, files and decisions of an assessment."""
    url = f"sqlite:///{tmp_path}/city.db"
    store = create_store(url)
    store.import_schools([a_school("A1", sample=True), a_school("B1")])
    store.close()

    def told(*arguments: str, code: int = 0) -> str:
        assert main([*arguments, "--database", url]) == code
        out = capsys.readouterr()
        return out.out + out.err

    assert "version 1" in told("progress", "set", "A1", "investigating", "--assessor", "調査班")
    assert "after investigating" in told("progress", "set", "A1", "improving", code=1)
    assert "sample schools 0/1" in told("progress", "show")
    assert told("progress", "deadline", "2020-03-31") == "deadline 2020-03-31\n"
    assert "overdue by" in told("progress", "show")
    history = json.loads(told("progress", "show", "--school", "A1", "--json"))["history"]
    assert [one["assessor"] for one in history] == ["調査班"]
    for suffix in ("csv", "xlsx"):
        file = str(tmp_path / f"p.{suffix}")
        told("progress", "export", file)
        assert told("progress", "import", file) == "0 changed, 2 unchanged\n"
    assert "allowed is .csv or .xlsx" in told("progress", "export", "p.ods", code=2)
    (tmp_path / "bad.csv").write_text("code\n", "utf-8")
    assert "1 mistakes" in told("progress", "import", str(tmp_path / "bad.csv"), code=2)
    assert "1 changed" in told("assessment", "set", "A1", "line.contract_bps=100M")
    assert "found 'nonsense'" in told("assessment", "set", "A1", "nonsense", code=2)
    assert "line.kind" in told("assessment", "set", "A1", "line.kind=x", code=1)
    photo = tmp_path / "rack.heic"
    photo.write_bytes(made.jpeg())
    assert "rack.jpg: image/jpeg" in told("assessment", "attach", "A1", str(photo))
    decide = ("assessment", "decide", "A1", "port_100m", "confirmed", "--evidence")
    assert "version 1" in told(*decide, "印字")
    assert "allowed is 1 to" in told(*decide, " ", code=1)
    document = json.loads(told("assessment", "show", "A1", "--json"))
    assert document["facts"][0]["value"] == 1e8
    assert document["decisions"][0]["evidence"] == "印字"
    assert document["attachments"][0]["file"] == "rack.jpg"
    assert "no school" in told("assessment", "show", "ZZ", code=1)
