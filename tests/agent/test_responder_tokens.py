"""The responder with keys: whom it admits, once, and which keys it believes."""

import base64
import contextlib
import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.responder.admission import Admission, NotAdmitted
from agent.responder.tokens import Tokens, Use
from agent.responder.uses import CannotNote, UsedTokens
from tests.agent.bad_tokens import BAD, GOOD, SIGNER, bearer
from tests.agent.slot_tokens import NOW, TOKEN, Signer, key_file
from wire.slot_token import HEADER, SIGNATURE_BYTES, _decode, _pae, write_claims


class SetClock:
    """A clock that is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now
        self.seconds = 100.0

    def now(self) -> datetime:
        """Wall clock."""
        return self.at

    def monotonic_seconds(self) -> float:
        """Monotonic clock."""
        return self.seconds

    def boot_id(self) -> str:
        """Always the same boot."""
        return TOKEN.agent_id


def tokens(
    directory: Path, *signers: Signer, clock: SetClock | None = None, name: str = "centre"
) -> Tokens:
    """What a responder checks with."""
    path = key_file(directory, *(signers or (SIGNER,)))
    return Tokens(path, name, UsedTokens(directory / "used"), clock or SetClock())


def test_the_standards_own_example() -> None:
    """Our way of taking a token apart verifies the published vector 4-S-1 of PASETO."""
    text = (
        "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMD"
        "owMCswMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtk"
        "qxT1ciiQEDA"
    )
    public = "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
    raw = _decode("vector", text[len(HEADER) :])
    message, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    assert json.loads(message)["data"] == "this is a signed message"
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    key.verify(signature, _pae(HEADER.encode(), message, b"", b""))


@pytest.mark.parametrize("name", BAD)
def test_denied(name: str, tmp_path: Path) -> None:
    """Each wrong token is refused with its own reason, in ASCII, and without the token in it."""
    header, reason = BAD[name]
    admission = Admission(tokens=tokens(tmp_path))
    headers = {} if header is None else {"authorization": header}
    with pytest.raises(NotAdmitted) as raised:
        admission.admit(headers, "download")
    assert reason in raised.value.reason
    assert raised.value.reason.isascii()
    assert header is None or len(header) < 30 or header[-30:] not in raised.value.reason


def test_signed_for_another_purpose(tmp_path: Path) -> None:
    """A PASETO of the same key without our purpose in what was signed is not believed."""
    payload = write_claims(TOKEN)
    footer = json.dumps({"kid": SIGNER.key_id}, separators=(",", ":")).encode()
    signature = SIGNER.private.sign(_pae(HEADER.encode(), payload, footer, b""))
    body, below = (
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (payload + signature, footer)
    )
    with pytest.raises(NotAdmitted, match="signature is wrong"):
        tokens(tmp_path).admit(bearer(f"{HEADER}{body}.{below}"), "download")


@pytest.mark.parametrize("seconds", [-29, 0, 60, 89])
def test_clocks_may_differ(seconds: int, tmp_path: Path) -> None:
    """A token is good 30 s before and after its time, so clocks may differ by as much."""
    found = tokens(tmp_path, clock=SetClock(NOW + timedelta(seconds=seconds)))
    assert found.admit(bearer(GOOD), "download").token == TOKEN


def test_flows_of_one_test_share_a_token(tmp_path: Path) -> None:
    """As many flows of each kind as the token says come in on it, and no more."""
    admitting = tokens(tmp_path)
    uses = {id(admitting.admit(bearer(GOOD), kind)) for kind in ("download", "upload") * 2}
    assert len(uses) == 1
    for kind in ("download", "upload"):
        with pytest.raises(NotAdmitted, match=f"token used already: its 2 {kind} flows"):
            admitting.admit(bearer(GOOD), kind)


def test_used_is_used_after_a_restart(tmp_path: Path) -> None:
    """A responder that was started anew refuses a token that was begun before."""
    tokens(tmp_path).admit(bearer(GOOD), "download")
    with pytest.raises(NotAdmitted, match="token used already: ask for another"):
        tokens(tmp_path).admit(bearer(GOOD), "upload")


def test_many_at_once_use_it_once(tmp_path: Path) -> None:
    """Twenty threads with one token of two flows, two processes' worth: two get in, of one."""
    ends = [tokens(tmp_path), tokens(tmp_path)]
    found: list[Use] = []

    def come(number: int) -> None:
        with contextlib.suppress(NotAdmitted):
            found.append(ends[number % 2].admit(bearer(GOOD), "download"))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len({id(use) for use in found}) == 1


def test_what_cannot_be_written_down_is_not_admitted(tmp_path: Path) -> None:
    """A file of used tokens that fails admits nobody."""
    admitting = tokens(tmp_path)
    admitting._used.close()
    with pytest.raises(NotAdmitted, match="cannot write down") as raised:
        admitting.admit(bearer(GOOD), "download")
    assert raised.value.status == 503
    with pytest.raises(CannotNote, match="--used"):
        UsedTokens(tmp_path)


def test_used_tokens_are_forgotten_late(tmp_path: Path) -> None:
    """The file keeps a token for a week after its time and then lets go of it."""
    used = UsedTokens(tmp_path / "used")
    assert used.use("one", NOW, NOW)
    assert not used.use("one", NOW, NOW + timedelta(days=7))
    assert used.use("one", NOW, NOW + timedelta(days=7, seconds=1))
    used.close()


def test_seconds_are_over(tmp_path: Path) -> None:
    """After its seconds a token admits no further flow, though flows are left."""
    clock = SetClock()
    admitting = tokens(tmp_path, clock=clock)
    admitting.admit(bearer(GOOD), "download")
    clock.seconds += TOKEN.quota_seconds
    with pytest.raises(NotAdmitted, match="token used already"):
        admitting.admit(bearer(GOOD), "upload")


def test_keys_change_without_a_restart(tmp_path: Path) -> None:
    """A key that is added is believed at once, one that is taken away no more."""
    old, new = Signer(1), Signer(2)
    admitting = tokens(tmp_path, old)
    admitting.admit(bearer(old.sign(TOKEN)), "download")
    key_file(tmp_path, new, Signer(3))
    other = replace(TOKEN, token_id=TOKEN.agent_id)
    with pytest.raises(NotAdmitted, match="not known here"):
        admitting.admit(bearer(old.sign(other)), "download")
    assert admitting.admit(bearer(new.sign(other)), "download").token == other


def test_a_damaged_key_file_changes_nothing(tmp_path: Path) -> None:
    """Keys in force stay in force where their file cannot be read any more."""
    admitting = tokens(tmp_path)
    (tmp_path / "collector.keys").write_text("nonsense\n")
    assert admitting.admit(bearer(GOOD), "download").token == TOKEN
