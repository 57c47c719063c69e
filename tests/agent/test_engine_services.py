"""Services of third parties are off: nothing is sent before their terms are accepted."""

import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from agent.engines import services
from agent.probes import Findings, Report, Request, ndt7_public, ookla
from tests.agent.engine_ends import run
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation

CASES = {
    "ookla": (ookla.probe, "www.speedtest.net", "ookla"),
    "Locate": (ndt7_public.probe, "https://locate.measurementlab.net/v2/nearest/ndt/ndt7", "mlab"),
    "a server of M-Lab": (ndt7_public.probe, "wss://ndt-mlab1-nrt01.measurement-lab.org", "mlab"),
}


@pytest.mark.parametrize(("probe", "target", "service"), CASES.values(), ids=CASES.keys())
def test_off_until_accepted(
    probe: Callable[[Request, Report], Findings],
    target: str,
    service: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without consent it is refused before any name is asked for, and the refusal says why."""

    def unwanted(*_words: object, **_more: object) -> None:
        raise AssertionError("something was to be sent")

    monkeypatch.setattr(socket, "getaddrinfo", unwanted)
    monkeypatch.setattr(subprocess, "Popen", unwanted)
    found = run("x", probe, target)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (
        FailureCode.PERMISSION_DENIED,
        Operation.PREPARE,
    )
    text = found.failure.text
    assert services.SERVICES[service].shares in text
    assert f'accept_terms = "{service}"' in text
    assert len(text) < MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("service", "words"),
    [("mlab", ("publishes every test", "IP address")), ("ookla", ("personal, non-commercial",))],
)
def test_what_is_shared_stands_where_it_is_enabled(service: str, words: tuple[str, ...]) -> None:
    """The help of the option and the refusal state what is shared and what it may be used for."""
    help_text = services.consent(service).help
    with pytest.raises(Exception, match="off until") as refusal:
        services.require(service, "another")
    for word in words:
        assert word in help_text
        assert word in str(refusal.value)


@pytest.mark.parametrize("probe", ["ookla", "ndt7_public"])
def test_help_on_the_command_line(probe: str) -> None:
    """A person who is about to type --accept-terms has read what it means."""
    ran = subprocess.run(
        [sys.executable, "-m", "agent.cli", "measure", probe, "--help"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    shown = " ".join(ran.stdout.split())
    assert "--accept-terms" in shown
    assert "without it nothing is sent" in shown
    assert "IP address" in shown
