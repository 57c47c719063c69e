"""Secrets stay in their file: who may read it, whom they are sent to, where they never appear."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.snmp.access import AccessRefused, load
from tests.agent.snmp.asking import CANARY
from tests.agent.snmp.recording import of
from tests.agent.snmp.responder import Device, serving
from tests.agent.snmp.test_engines import device

GOOD = f"""
devices = ["127.0.0.1"]
[[access]]
networks = ["127.0.0.1"]
version = "2c"
community = "{CANARY}"
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file of this mode."""
    path = folder / "snmp.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_range_that_holds_an_address_counts(tmp_path: Path) -> None:
    """And an address in none gets nothing."""
    text = GOOD + '[[access]]\nnetworks = ["127.0.0.0/8"]\ncommunity = "other"\nversion = "1"\n'
    found = load(written(tmp_path, text))
    near, far = found.access_to("127.0.0.1"), found.access_to("127.0.0.2")
    assert near is not None
    assert far is not None
    assert (near.community, far.community) == (CANARY, "other")
    assert found.access_to("192.0.2.1") is None
    assert CANARY not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o601])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """With what to do about it."""
    with pytest.raises(AccessRefused, match=f"mode {mode:04o}.*chmod 600"):
        load(written(tmp_path, GOOD, mode))


RANGE = '[[access]]\nnetworks = ["192.0.2.0/24"]\n'
USER = RANGE + 'version = "3"\nuser = "u"\n'
SHORT = f'auth = "sha256"\nauth_password = "{CANARY[:7]}"\n'
LONG = f'auth_password = "{CANARY}"\nprivacy_password = "{CANARY}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[access]", "not TOML"),
        (f"community = {CANARY}\n", "not TOML"),
        (f'{RANGE}comunity = "{CANARY}"\n', "did you mean community"),
        (f'{RANGE}community = ["{CANARY}"]\n', "text of 1 to 255"),
        (f'{USER}{LONG}auth = "md5"\n', "sha1 sha224 sha256"),
        (f'{USER}{LONG}auth = "sha1"\nprivacy = "aes256"\n', "aes128 with sha1"),
        (USER + SHORT, "8 to 255"),
        (GOOD.replace('devices = ["127.0.0.1"]', 'devices = ["192.0.2.1"]'), "within the networks"),
    ],
)
def test_bad_files_are_refused_without_a_secret(tmp_path: Path, text: str, message: str) -> None:
    """What is wrong and what is allowed; never what stands there."""
    with pytest.raises(AccessRefused, match=message) as caught:
        load(written(tmp_path, text))
    assert CANARY[:7] not in str(caught.value)


def parts(secret: str) -> list[str]:
    """A secret and its beginnings of four characters and more."""
    return [secret[:length] for length in range(4, len(secret) + 1)]


def measured(folder: Path, port: int, text: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the probe as a person would, at DEBUG of everything."""
    path = written(folder, text.replace('version = "', f'port = {port}\nversion = "'))
    return subprocess.run(
        [sys.executable, "-X", "dev", "-m", "agent.cli", "measure", "snmp", "--target",
         "127.0.0.1", "--seconds", "1", "--timeout-seconds", "0.3", *words],
        env={**os.environ, "HAKARU_SNMP": str(path), "PYTHONASYNCIODEBUG": "1",
             "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["pysnmp", "direct"])
@pytest.mark.parametrize("works", [True, False])
def test_a_community_appears_nowhere(tmp_path: Path, engine: str, works: bool) -> None:
    """Not in the result, on the terminal, in a traceback: whether the device answers or not."""
    told = device()
    told.community = CANARY if works else "another"
    with serving(told) as port:
        ran = measured(tmp_path, port, GOOD, "--engine", engine, "--json")
    result = json.loads(ran.stdout)
    assert result["outcome"] == ("ok" if works else "failed"), ran.stderr
    for part in parts(CANARY):
        assert part not in ran.stdout + ran.stderr


def test_an_address_outside_the_ranges_gets_no_packet(tmp_path: Path) -> None:
    """The device is asked nothing, and the result says why."""
    told = Device(of({}))
    with serving(told) as port:
        text = GOOD.replace('networks = ["127.0.0.1"]', 'networks = ["192.0.2.0/24"]')
        ran = measured(tmp_path, port, text.replace('devices = ["127.0.0.1"]', ""), "--json")
    result = json.loads(ran.stdout)
    assert result["failure"]["code"] == "target_invalid"
    assert told.asked == []
