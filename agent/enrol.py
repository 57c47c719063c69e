"""Enrolment: bind this appliance to a school with a one-time code.

The agent makes its id and its token; the collector gets the SHA-256 of the token with the code.
The token itself first travels with the first delivery.
"""

import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx

from agent import identity
from agent.identity import Enrolment, Identity
from agent.reply import Reply, describe
from wire.codec import Refused, parse_object

PATH: Final = "/v1/enrol"
MAX_REPLY_BYTES: Final = 64 * 1024
MAX_SAID_CHARACTERS: Final = 300
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
DISTRUST_ADVICE: Final = (
    "its certificate is not trusted here, and nothing was sent. If it is of an authority of your "
    'own, give that with --ca-file FILE, and put ca_file = "FILE" into [push] of agent.toml too, '
    "for deliveries; if it is not, somebody may sit in between"
)


class EnrolFailed(Exception):
    """Not enrolled; the message says why and what to do. The former enrolment stays in force."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asked for."""

    collector: str
    code: str
    insecure_lab: bool = False


def enrol(
    directory: Path,
    asked: Asked,
    client: httpx.Client,
    make_token: Callable[[], str],
    make_agent_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> Identity:
    """Enrol and give the identity now in force. Raises :class:`EnrolFailed`.

    Also :class:`~agent.identity.TransportRefused` and :class:`~agent.state.StateTrouble`; then
    nothing was sent.
    """
    collector = identity.collector_address(asked.collector)
    identity.check_transport(collector, insecure_lab=asked.insecure_lab)
    before = identity.load(directory) or Identity(agent_id=str(make_agent_id()))
    pending = before.pending
    if pending is None or pending.collector != collector:
        pending = Enrolment(collector=collector, token=make_token())
    pending = replace(pending, insecure_lab=asked.insecure_lab)
    started = replace(before, pending=pending)
    identity.save(directory, started)
    reply = _post(client, collector, asked.code, started.agent_id, pending.token_sha256())
    school = _school(reply, started.agent_id)
    done = Identity(
        agent_id=started.agent_id,
        active=replace(pending, school_code=school[0], school_name=school[1]),
    )
    identity.save(directory, done)
    return done


def new_client(ca_file: str | None = None) -> httpx.Client:
    """An HTTP client that follows no redirect and takes nothing from the environment."""
    return httpx.Client(
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        verify=True if ca_file is None else trusting(ca_file),
    )


def trusting(ca_file: str) -> ssl.SSLContext:
    """TLS that trusts exactly the certificates in ``ca_file``."""
    return ssl.create_default_context(cafile=ca_file)


def _post(
    client: httpx.Client, collector: str, code: str, agent_id: str, token_sha256: str
) -> Reply:
    message = {"code": code, "agent_id": agent_id, "token_sha256": token_sha256}
    try:
        with client.stream("POST", collector + PATH, json=message) as response:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_REPLY_BYTES:
                    raise EnrolFailed(f"the reply of {collector} is too long to be a collector's")
            return Reply(response.status_code, body, response.headers.get("content-type", ""))
    except httpx.HTTPError as error:
        if _is_distrust(error):
            raise EnrolFailed(f"{collector}: {error}; {DISTRUST_ADVICE}") from error
        raise EnrolFailed(
            f"{collector} was not reached or broke off "
            f"({type(error).__name__}: {error}): check the address and the line, then run the "
            "same command again"
        ) from error


def _school(reply: Reply, agent_id: str) -> tuple[str, str]:
    if reply.status in (200, 201):
        try:
            message = parse_object(reply.body, "reply")
        except Refused as error:
            raise EnrolFailed(f"somebody else answered ({error}); {describe(reply)}") from error
        school = message.get("school")
        if message.get("agent_id") != agent_id or not isinstance(school, dict):
            raise EnrolFailed(f"the reply is not about this agent; {describe(reply)}")
        return str(school.get("code", "")), str(school.get("name", ""))
    said = _said(reply)
    if said is not None:
        raise EnrolFailed(f"{said} ({_advice(reply.status, said=True)}; HTTP {reply.status})")
    raise EnrolFailed(f"{_advice(reply.status, said=False)} ({describe(reply)})")


def _advice(status: int, *, said: bool) -> str:
    """What to do after a refusal; ``said``: the collector's own words stand before it."""
    if 300 <= status < 400:
        return "a redirect is never followed: give the final address of the collector"
    if status == 426:
        return (
            "this collector wants TLS: give its https:// address; in a lab start the collector "
            "with --insecure-lab"
        )
    if status in (401, 403):
        if said:  # 403 is more than bad codes
            return "if that is about the code, ask for a new one"
        return "the code is unknown, used or expired: ask for a new one"
    return {
        400: "the code or the request was refused",
        404: "the code is unknown, or this is not the address of a collector",
        409: "the code was used by another agent: ask for a new one",
        410: "the code has expired: ask for a new one",
        422: "the code or the request was refused",
        429: "too many tries: wait a minute, then run the same command again",
    }.get(status, "run the same command again later")


def _said(reply: Reply) -> str | None:
    """The collector's own words, made one printable line; None where it says nothing."""
    try:
        message = parse_object(reply.body, "reply")
    except Refused:
        return None
    words = next((message[key] for key in ("detail", "error") if message.get(key)), None)
    if not isinstance(words, str):
        return None
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line[:MAX_SAID_CHARACTERS] or None


def _is_distrust(error: BaseException | None) -> bool:
    """Whether a certificate that could not be verified is among the causes."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def read_code(given: str, read_line: Callable[[], str]) -> str:
    """The code as given, or from standard input for ``-``, so that it need not be in argv."""
    code = (read_line() if given == "-" else given).strip()
    if not code or len(code) > 200 or not code.isprintable():
        raise EnrolFailed("the code is empty or not a code: give it with --code, or - and stdin")
    return code
