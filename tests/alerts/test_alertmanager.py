"""Who is told what, and what is held back: a real Alertmanager, a mail server, a webhook."""

import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.alerts.alertmanager import (
    CONFIGS,
    SMTP_PASSWORD,
    WEBHOOK_TOKEN,
    Alertmanager,
    fired,
)

CONFIG = CONFIGS / "alertmanager/alertmanager.yml"
EAST = ("A", "B", "C")
HOSTILE = '<script>alert(1)</script>"{{ .Status }}=cmd|\u202eevil\x1b[31m'


def text_of(mail: EmailMessage) -> str:
    """What a mail says; that it has nothing but plain text is part of the claim."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain"]
    text: str = parts[0].get_content()
    return text


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Alertmanager]:
    """A running Alertmanager."""
    made = Alertmanager(tmp_path)
    yield made
    made.close()


def test_the_configuration_is_accepted() -> None:
    """By its own tool; templates are found."""
    done = subprocess.run(
        ["amtool", "check-config", CONFIG], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=HakaruCentreDown", "severity=critical", "scope=centre"), "mail-and-webhook"),
        (("alertname=HakaruLineDown", "severity=critical", "scope=school"), "mail-and-webhook"),
        (("alertname=HakaruDnsSlow", "severity=warning", "scope=school"), "mail"),
        (("alertname=HakaruAgentClockWrong", "severity=info", "scope=school"), "mail"),
        (("alertname=SomethingElse",), "mail"),
    ],
)
def test_an_alert_goes_to_its_receiver(labels: tuple[str, ...], receiver: str) -> None:
    """By its severity."""
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == receiver, done.stderr


def test_what_is_shared_silences_its_schools_and_tells_when_it_is_over(
    manager: Alertmanager,
) -> None:
    """A group's router: one notice by mail and webhook, nothing of its schools, then the end."""
    router = {"group": "east"}
    manager.tell(fired("HakaruGroupUnreachable", **router))
    manager.tell(
        *(fired("HakaruAgentSilent", school=one, name=f"学校{one}", **router) for one in EAST),
        fired("HakaruDnsSlow", school="A", name="学校A", **router),
        fired("HakaruAgentSilent", school="F", name="学校F"),
    )
    manager.wait(lambda: len(manager.mailbox.mails) >= 2 and len(manager.hook.told) >= 1, "told")
    assert manager.states() == {
        "HakaruGroupUnreachable": "active",
        "HakaruAgentSilent A": "suppressed",
        "HakaruAgentSilent B": "suppressed",
        "HakaruAgentSilent C": "suppressed",
        "HakaruDnsSlow A": "suppressed",
        "HakaruAgentSilent F": "active",
    }
    texts = [text_of(mail) for mail in manager.mailbox.mails]
    assert sum("集約グループ east" in text for text in texts) == 1
    assert sum("学校F" in text for text in texts) == 1
    assert not any(f"学校{one}" in text for text in texts for one in EAST)
    assert all("対応: " in text for text in texts)
    assert any("https://hakaru.city.example/schools/F" in text for text in texts)
    assert {one["labels"]["alertname"] for told in manager.hook.told for one in told["alerts"]} == {
        "HakaruGroupUnreachable"
    }
    assert manager.hook.tokens == {f"Bearer {WEBHOOK_TOKEN}"}
    assert manager.mailbox.passwords == {SMTP_PASSWORD.encode()}
    over = [fired("HakaruAgentSilent", over=True, school="F", name="学校F")]
    over.append(fired("HakaruGroupUnreachable", over=True, **router))
    over += [
        fired(name, over=True, school=one, name=f"学校{one}", **router)
        for name, one in [*(("HakaruAgentSilent", one) for one in EAST), ("HakaruDnsSlow", "A")]
    ]
    manager.tell(*over)
    manager.wait(
        lambda: len(manager.mailbox.mails) >= 4 and manager.hook.told[-1]["status"] == "resolved",
        "told that it is over",
    )
    ended = [mail for mail in manager.mailbox.mails if "終了" in mail["Subject"]]
    assert len(ended) == 2
    assert all("□ 終了" in text_of(mail) for mail in ended)
    assert SMTP_PASSWORD not in manager.log.read_text()
    assert WEBHOOK_TOKEN not in manager.log.read_text()


def test_the_centre_and_a_line_silence_what_hangs_on_them(manager: Alertmanager) -> None:
    """A line: other alerts of its school alone. The centre: all schools and groups."""
    manager.tell(
        fired("HakaruLineDown", school="F", name="学校F"),
        fired("HakaruDnsSlow", school="F", name="学校F"),
        fired("HakaruAgentIdentity", school="F", name="学校F", state="cloned"),
        fired("HakaruDnsSlow", school="G", name="学校G"),
    )
    assert manager.states() == {
        "HakaruLineDown F": "active",
        "HakaruDnsSlow F": "suppressed",
        "HakaruAgentIdentity F": "active",
        "HakaruDnsSlow G": "active",
    }
    manager.tell(
        fired("HakaruCentreUnreachable"),
        fired("HakaruGroupUnreachable", group="east"),
        fired("HakaruJudgingFails", instance="c1"),
    )
    held = {name for name, state in manager.states().items() if state == "suppressed"}
    assert held == {
        "HakaruLineDown F",
        "HakaruDnsSlow F",
        "HakaruAgentIdentity F",
        "HakaruDnsSlow G",
        "HakaruGroupUnreachable",
    }


def test_a_hostile_name_is_inert_in_a_mail(manager: Alertmanager) -> None:
    """It is text of a plain mail: no further header, nothing filled in, no HTML part."""
    name = HOSTILE.replace("\x1b", "")  # control signs are refused when schools are taken in
    manager.tell(fired("HakaruAgentSilent", school="F", name=f"{name}\r\nBcc: x@example"))
    manager.wait(lambda: bool(manager.mailbox.mails), "mailed")
    mail = manager.mailbox.mails[0]
    assert mail["Bcc"] is None
    assert "{{ .Status }}=cmd" in text_of(mail)
