"""The status table, row by row, and that nothing but an acknowledgement removes anything."""

import json
import re
from pathlib import Path

import pytest

from agent.reply import TABLE, Action, Reply, decide

A, B, C = (f"01890000-0000-7000-8000-00000000000{n}" for n in "abc")
FOREIGN = "01890000-0000-7000-8000-0000000000ff"
JSON_BODY = b'{"detail":"no"}'
HTML_BODY = b"<html><body>This page was blocked</body></html>"


def acknowledgement(committed: list[str], quarantined: list[dict[str, object]] = []) -> bytes:  # noqa: B006 - never changed
    """An acknowledgement as text."""
    return json.dumps({"committed": committed, "quarantined": quarantined}).encode()


# status, what the collector's own JSON means, what anybody else's body means
MATRIX = [
    (100, "intercepted", "intercepted"),
    (200, "intercepted", "intercepted"),
    (201, "intercepted", "intercepted"),
    (202, "intercepted", "intercepted"),
    (204, "intercepted", "intercepted"),
    (206, "intercepted", "intercepted"),
    (301, "intercepted", "intercepted"),
    (302, "intercepted", "intercepted"),
    (304, "intercepted", "intercepted"),
    (307, "intercepted", "intercepted"),
    (308, "intercepted", "intercepted"),
    (400, "isolate", "intercepted"),
    (401, "re-authenticate", "re-authenticate"),
    (402, "keep", "intercepted"),
    (403, "stop", "intercepted"),
    (404, "keep", "intercepted"),
    (405, "keep", "intercepted"),
    (407, "keep", "intercepted"),
    (408, "keep", "keep"),
    (409, "keep", "intercepted"),
    (410, "keep", "intercepted"),
    (411, "keep", "intercepted"),
    (413, "split", "split"),
    (414, "keep", "intercepted"),
    (415, "keep", "intercepted"),
    (421, "keep", "intercepted"),
    (422, "isolate", "intercepted"),
    (423, "keep", "intercepted"),
    (425, "keep", "keep"),
    (426, "keep", "intercepted"),
    (429, "keep", "keep"),
    (431, "keep", "intercepted"),
    (451, "keep", "intercepted"),
    (500, "keep", "keep"),
    (502, "keep", "keep"),
    (503, "keep", "keep"),
    (504, "keep", "keep"),
    (507, "keep", "keep"),
    (511, "keep", "keep"),
    (599, "keep", "keep"),
    (600, "intercepted", "intercepted"),
    (999, "intercepted", "intercepted"),
]


@pytest.mark.parametrize(("status", "ours", "others"), MATRIX)
def test_every_status_has_the_action_of_the_table_and_removes_nothing(
    status: int, ours: str, others: str
) -> None:
    """Without an acknowledgement no status names anything to delete, whoever speaks."""
    for body, action in ((JSON_BODY, ours), (HTML_BODY, others), (b"", others)):
        verdict = decide(Reply(status, body), [A, B])
        assert verdict.action == action
        assert verdict.delivered == ()
        assert not verdict.refused


def test_table_covers_every_status_once() -> None:
    """From 200 to 599 each status is in exactly one row."""
    for status in range(200, 600):
        assert sum(rule.first <= status <= rule.last for rule in TABLE) == 1


def test_published_table_is_the_one_in_force() -> None:
    """docs/delivery.md prints the same rows as the code follows."""
    text = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3})(?:-(\d{3}))? \| ([\w-]+) \| ([\w-]+) \|", text, re.MULTILINE)
    published = [(int(a), int(b or a), ours, others) for a, b, ours, others in rows]
    assert published == [(rule.first, rule.last, rule.ours, rule.others) for rule in TABLE]


def test_acknowledgement_names_what_is_deleted_and_what_is_quarantined() -> None:
    """Committed ids go, quarantined ones are kept apart, the rest stays."""
    body = acknowledgement([A], [{"result_id": B, "reason": "bad"}])
    verdict = decide(Reply(200, body), [A, B, C])
    assert (verdict.action, verdict.delivered, verdict.refused) == (
        Action.SETTLE,
        (A,),
        {B: "bad"},
    )


def test_id_named_twice_is_settled_once() -> None:
    """Named as committed and quarantined: it is stored, so it is delivered."""
    body = acknowledgement([A, A], [{"result_id": A, "reason": "x"}])
    verdict = decide(Reply(200, body), [A])
    assert (verdict.delivered, verdict.refused) == ((A,), {})


def test_record_without_readable_id_is_the_one_not_named() -> None:
    """A quarantined item without id stands for the records that nothing else names."""
    body = acknowledgement([A], [{"result_id": None, "reason": "unreadable"}])
    assert decide(Reply(200, body), [A, B]).refused == {B: "unreadable"}
    assert decide(Reply(200, body), [A, B, C]).refused == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b"",
        HTML_BODY,
        acknowledgement([]),
        acknowledgement([FOREIGN]),
        acknowledgement([A, FOREIGN]),
        acknowledgement([A.upper()]),
        acknowledgement([A], [{"result_id": FOREIGN, "reason": "x"}]),
        acknowledgement([A])[:-1],
        acknowledgement([A]) + b"x",
        b'{"committed":["' + A.encode() + b'"]}',
        b'{"committed":"' + A.encode() + b'","quarantined":[]}',
        b'{"committed":[],"committed":["' + A.encode() + b'"],"quarantined":[]}',
        b"\xff" + acknowledgement([A]),
    ],
)
def test_what_is_not_an_acknowledgement_of_this_batch_removes_nothing(body: bytes) -> None:
    """200 with anything else, another agent's ids included, is an interception."""
    verdict = decide(Reply(200, body), [A, B])
    assert verdict.action is Action.INTERCEPTED
    assert verdict.delivered == ()
    assert not verdict.refused
    assert "HTTP 200" in verdict.detail


@pytest.mark.parametrize("status", [400, 422])
def test_refusal_that_names_records_of_the_batch_quarantines_those_only(status: int) -> None:
    """Named and sent: quarantined. Named and not sent: ignored. Never deleted."""
    items = [{"result_id": B, "reason": "why"}, {"result_id": FOREIGN, "reason": "x"}, 7]
    body = json.dumps({"committed": [A], "quarantined": items}).encode()
    verdict = decide(Reply(status, body), [A, B])
    assert verdict.action is Action.ISOLATE
    assert verdict.refused == {B: "why"}
    assert verdict.delivered == ()


def test_proxy_that_finds_a_single_record_too_large_does_not_quarantine_it() -> None:
    """413 in HTML for one record is not the collector's word: it stays."""
    assert decide(Reply(413, HTML_BODY), [A]).action is Action.INTERCEPTED
    assert decide(Reply(413, JSON_BODY), [A]).action is Action.SPLIT


def test_description_of_a_reply_is_one_printable_line() -> None:
    """A hostile page cannot write control characters or endless text into the log."""
    reply = Reply(200, b"\x1b[31mred\r\n\x00" + b"x" * 10_000, "text/html\x1b")
    verdict = decide(reply, [A])
    assert verdict.detail.isprintable()
    assert len(verdict.detail) <= 400
