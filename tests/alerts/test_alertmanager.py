"""Who is told what, and what is held back: a real Alertmanager, a mail server, a webhook."""

import subprocess
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.alerts.alertmanager import BEGAN, SMTP_PASSWORD, WEBHOOK_TOKEN, Alertmanager, fired
from tests.alerts.city import GROUPS, RESPONDER
from tests.alerts.incidents import INCIDENTS
from tests.alerts.told import CONFIGS

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
        *(
            fired("HakaruAgentSilent", unheard="1", school=one, name=f"学校{one}", **router)
            for one in EAST
        ),
        fired("HakaruDnsSlow", school="A", name="学校A", **router),
        fired("HakaruAgentSilent", unheard="1", school="F", name="学校F"),
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
    began = BEGAN.astimezone(ZoneInfo("Asia/Tokyo"))
    assert all(f"■ 発生 {began:%Y-%m-%d %H:%M}（日本時間）" in text for text in texts)
    assert any("https://hakaru.city.example/schools/F" in text for text in texts)
    assert {one["labels"]["alertname"] for told in manager.hook.told for one in told["alerts"]} == {
        "HakaruGroupUnreachable"
    }
    assert manager.hook.tokens == {f"Bearer {WEBHOOK_TOKEN}"}
    assert manager.mailbox.passwords == {SMTP_PASSWORD.encode()}
    over = [fired("HakaruAgentSilent", unheard="1", over=True, school="F", name="学校F")]
    over.append(fired("HakaruGroupUnreachable", over=True, **router))
    over += [
        fired(name, over=True, school=one, name=f"学校{one}", unheard="1", **router)
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
    assert all("休業日・保守期間・測定しない時間" in text_of(mail) for mail in ended)
    said = [manager.log.read_text(), str(manager.hook.told), *map(str, manager.mailbox.mails)]
    assert not any(secret in text for text in said for secret in (SMTP_PASSWORD, WEBHOOK_TOKEN))


SHARED = {"HakaruGroupUnreachable": {"group": "east"}, "HakaruTargetDown": {"target": RESPONDER}}


def planted(one: str, *, over: bool = False) -> dict[str, object]:
    """``Alert school`` as Prometheus tells it of the city of the incidents."""
    alert, *school = one.split()
    labels = (
        {"instance": "c1", "state": "cloned", "target": RESPONDER, "unheard": "1"} if school else {}
    )
    for code in school:
        labels |= {"school": code, "name": f"学校{code}", "group": GROUPS[code]}
    return fired(alert, over=over, **labels, **SHARED.get(alert, {}))


def holds_back(manager: Alertmanager, expected: set[str], *others: str) -> None:
    """Of these alerts these are held back, and no others; then all are over."""
    alerts = expected | set(others)
    manager.tell(*map(planted, alerts))

    def is_so() -> bool:
        return alerts - manager.told() == expected

    manager.wait(is_so, f"held back of {alerts}: {expected}")
    time.sleep(0.1)  # what holds back is learnt of a moment after what is held back
    assert is_so()
    manager.tell(*(planted(one, over=True) for one in alerts))
    manager.wait(lambda: not manager.states(), "over")


def test_planted_incidents_are_told_by_their_cause_alone(manager: Alertmanager) -> None:
    """Of all that the rules raise in an incident: what is told, and what the cause holds back."""
    causes = {
        "a line goes down and comes back": {"HakaruLineDown A"},
        "an agent falls silent and is heard again": {"HakaruAgentSilent F"},
        "slow DNS": {"HakaruDnsSlow A"},
        "the centre is down: every series ends": {"HakaruCentreDown"},
        "the centre's line is down: one alert before those of schools, which it silences": {
            "HakaruCentreUnreachable"
        },
        "the router of one group is down": {"HakaruGroupUnreachable"},
        "a responder is down: no line of a school is blamed": {"HakaruTargetDown"},
    }
    raised = {one.name: set().union(*one.expected.values()) for one in INCIDENTS}
    for name, told in causes.items():
        assert told <= raised[name]
        holds_back(manager, raised[name] - told, *told)


def test_a_cause_holds_back_what_hangs_on_it_and_nothing_else(manager: Alertmanager) -> None:
    """Each rule of inhibition, with what stands beside it."""
    of_schools = {"HakaruLineDown F", "HakaruDnsSlow G", "HakaruAgentIdentity F"}
    of_centre = {"HakaruCentreUnreachable", "HakaruTargetDown", "HakaruBlind"}
    holds_back(
        manager,
        {"HakaruGroupUnreachable"} | of_centre | of_schools,
        "HakaruCentreDown",
        "HakaruJudgingFails",
    )
    holds_back(
        manager,
        {"HakaruTargetDown"} | of_schools,
        "HakaruCentreUnreachable",
        "HakaruJudgingFails",
    )
    holds_back(manager, {"HakaruDnsSlow A"}, "HakaruGroupUnreachable", "HakaruDnsSlow G")
    for cause in ("HakaruLineDown F", "HakaruAgentSilent F"):
        holds_back(manager, {"HakaruDnsSlow F"}, cause, "HakaruDnsSlow G", "HakaruAgentIdentity F")
    holds_back(manager, {"HakaruAgentSilent F"}, "HakaruLineDown F", "HakaruAgentSilent G")
    holds_back(manager, set(), "HakaruTargetDown", "HakaruBlind", *of_schools)
    holds_back(manager, {"HakaruDnsDown A"}, "HakaruTargetDown", "HakaruDnsSlow A")


def test_one_of_two_appliances_holds_nothing_back(manager: Alertmanager) -> None:
    """It is silent, and the other measures loss: both are told."""
    school = {"school": "A", "name": "学校A", "group": "east"}
    manager.tell(
        fired("HakaruAgentSilent", unheard="0", **school), fired("HakaruLossHigh", **school)
    )
    manager.wait(lambda: len(manager.mailbox.mails) >= 2, "both mailed")
    assert set(manager.states().values()) == {"active"}


def test_a_hostile_name_is_inert_in_a_mail(manager: Alertmanager) -> None:
    """It is text of a plain mail: no header, no HTML, nothing filled in, nothing that turns it."""
    name = f"{HOSTILE}\r\nBcc: x@example"  # refused when schools are taken in, and here once more
    manager.tell(fired("HakaruAgentSilent", unheard="1", school="F", name=name))
    manager.wait(lambda: bool(manager.mailbox.mails), "mailed")
    mail = manager.mailbox.mails[0]
    assert mail["Bcc"] is None
    for text in (text_of(mail), mail["Subject"]):
        assert "{{ .Status }}=cmd|evil" in text
        assert "[31mBcc: x@example (F): " in text
        assert not {"\x1b", "\u202e"} & set(text)
