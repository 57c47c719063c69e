"""Heartbeat and reply to JSON text and back. Refusals say place, found and allowed."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from wire.approval import MAX_APPROVALS
from wire.approval_codec import approval_in, approval_out
from wire.codec import Refused, Words, format_time, parse_object
from wire.fields import read_line, read_seconds, read_time, read_uuid, read_whole
from wire.heartbeat import (
    MAX_COMMANDS,
    MAX_HINTS,
    MAX_REPLY_BYTES,
    MAX_REQUEST_BYTES,
    ClockReport,
    Command,
    Heartbeat,
    IdentityHints,
    Network,
    PolicyOffer,
    PolicyReport,
    PolicyState,
    Reply,
    SpoolReport,
    Suppress,
)
from wire.measurement import Json
from wire.parsing import check_json
from wire.units import why_not
from wire.version import why_refused

_HASH: Final = re.compile(r"[0-9a-f]{32,64}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}")
MAX_AGE_SECONDS: Final = 10 * 366 * 86_400.0
T = TypeVar("T")
Read = Callable[[str, Json], T]


def encode_request(beat: Heartbeat) -> bytes:
    """Write a heartbeat as JSON. What is None is left out."""
    return _text(
        {
            "schema_version": beat.schema_version,
            "agent_version": beat.agent_version,
            "boot_id": beat.boot_id,
            "life_id": beat.life_id,
            "sent_at": format_time(beat.sent_at),
            "uptime_seconds": beat.uptime_seconds,
            "life_seconds": beat.life_seconds,
            "spool": {
                "waiting_count": beat.spool.waiting_count,
                "used_bytes": beat.spool.used_bytes,
                "dropped_count": beat.spool.dropped_count,
            },
            "clock": _present(
                clock_state=beat.clock.state,
                clock_source=beat.clock.source,
                clock_offset_seconds=beat.clock.offset_seconds,
                clock_error_seconds=beat.clock.error_seconds,
            ),
            "policy": _present(
                state=beat.policy.state.value, version=beat.policy.version, text=beat.policy.text
            ),
            "network": _present(
                gateway=beat.network.gateway,
                subnet=beat.network.subnet,
                public_address=beat.network.public_address,
            ),
            "hints": list(beat.hints),
            **_present(
                disk_free_bytes=beat.disk_free_bytes,
                cpu_utilisation_ratio=beat.cpu_utilisation_ratio,
                memory_bytes=beat.memory_bytes,
                last_good_test_at=_time(beat.last_good_test_at),
            ),
        }
    )


def decode_request(raw: bytes) -> Heartbeat:
    """Read a heartbeat. Raises :class:`~wire.codec.Refused`."""
    _bounded("heartbeat", raw, MAX_REQUEST_BYTES)
    message = parse_object(raw, "heartbeat")
    version = _need(message, "schema_version", read_whole)
    if (refusal := why_refused(version)) is not None:
        raise Refused("schema_version", version, refusal)
    spool, clock = _section(message, "spool"), _section(message, "clock")
    policy, network = _section(message, "policy"), _section(message, "network")
    return Heartbeat(
        schema_version=version,
        agent_version=_need(message, "agent_version", read_line),
        boot_id=_need(message, "boot_id", read_uuid),
        life_id=_need(message, "life_id", read_uuid),
        sent_at=_need(message, "sent_at", read_time),
        uptime_seconds=_need(message, "uptime_seconds", _age),
        life_seconds=_need(message, "life_seconds", _age),
        spool=SpoolReport(
            waiting_count=_may(spool, "waiting_count", read_whole, "spool.") or 0,
            used_bytes=_may(spool, "used_bytes", read_whole, "spool.") or 0,
            dropped_count=_may(spool, "dropped_count", read_whole, "spool.") or 0,
        ),
        clock=ClockReport(
            state=_may(clock, "clock_state", _name, "clock.") or "unknown",
            source=_may(clock, "clock_source", read_line, "clock.") or "none",
            offset_seconds=_may(clock, "clock_offset_seconds", _number, "clock."),
            error_seconds=_may(clock, "clock_error_seconds", _number, "clock."),
        ),
        disk_free_bytes=_may(message, "disk_free_bytes", read_whole),
        cpu_utilisation_ratio=_may(message, "cpu_utilisation_ratio", _number),
        memory_bytes=_may(message, "memory_bytes", read_whole),
        last_good_test_at=_may(message, "last_good_test_at", read_time),
        policy=PolicyReport(
            state=_may(policy, "state", _policy_state, "policy.") or PolicyState.NONE,
            version=_may(policy, "version", _version, "policy."),
            text=_may(policy, "text", read_line, "policy."),
        ),
        network=Network(
            gateway=_may(network, "gateway", _hash, "network."),
            subnet=_may(network, "subnet", _hash, "network."),
            public_address=_may(network, "public_address", _hash, "network."),
        ),
        hints=_list(message, "hints", MAX_HINTS, _name),
    )


def encode_reply(reply: Reply) -> bytes:
    """Write a reply as JSON."""
    offer, suppress = reply.policy, reply.suppress
    return _text(
        {
            "server_time": format_time(reply.server_time),
            "policy": None
            if offer is None
            else {"version": offer.version, "sha256": offer.sha256, "document": offer.document},
            "suppress": None
            if suppress is None
            else {"until": format_time(suppress.until), "reason": suppress.reason},
            "commands": [
                {
                    **each.details,
                    "id": each.id,
                    "kind": each.kind,
                    "expires_at": format_time(each.expires_at),
                }
                for each in reply.commands
            ],
            "approvals": [approval_out(each) for each in reply.approvals],
            "identity": {
                "renew": reply.identity.renew,
                **_present(seen_from=reply.identity.seen_from),
            },
        }
    )


def decode_reply(raw: bytes) -> Reply:
    """Read a reply. Raises :class:`~wire.codec.Refused` for anything that is not one."""
    _bounded("reply", raw, MAX_REPLY_BYTES)
    message = parse_object(raw, "reply")
    identity = _section(message, "identity")
    return Reply(
        server_time=_need(message, "server_time", read_time),
        policy=_may(message, "policy", _offer),
        suppress=_may(message, "suppress", _suppress),
        commands=_list(message, "commands", MAX_COMMANDS, _command),
        approvals=_list(message, "approvals", MAX_APPROVALS, approval_in),
        identity=IdentityHints(
            renew=identity.get("renew") is True,
            seen_from=_may(identity, "seen_from", read_line, "identity."),
        ),
    )


def _offer(place: str, value: Json) -> PolicyOffer:
    given = _object(place, value)
    document = given.get("document")
    if not isinstance(document, str):
        raise Refused(f"{place}.document", document, "the JSON text of a policy")
    return PolicyOffer(
        version=_need(given, "version", _version, f"{place}."),
        sha256=_need(given, "sha256", _hash, f"{place}."),
        document=document,
    )


def _suppress(place: str, value: Json) -> Suppress:
    given = _object(place, value)
    return Suppress(
        until=_need(given, "until", read_time, f"{place}."),
        reason=_need(given, "reason", read_line, f"{place}."),
    )


def _command(place: str, value: Json) -> Command:
    given = _object(place, value)
    check_json(place, value, 2)
    return Command(
        id=_need(given, "id", read_uuid, f"{place}."),
        kind=_need(given, "kind", _name, f"{place}."),
        expires_at=_need(given, "expires_at", read_time, f"{place}."),
        details={
            name: item for name, item in given.items() if name not in ("id", "kind", "expires_at")
        },
    )


def _need(message: Mapping[str, Json], name: str, read: Read[T], before: str = "") -> T:
    if name not in message:
        raise Refused(before + name, Words("nothing"), "to be present")
    return read(before + name, message[name])


def _may(message: Mapping[str, Json], name: str, read: Read[T], before: str = "") -> T | None:
    value = message.get(name)
    return None if value is None else read(before + name, value)


def _section(message: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = message.get(name)
    return {} if value is None else _object(name, value)


def _object(place: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Refused(place, value, "an object")
    return value


def _list(message: Mapping[str, Json], name: str, most: int, read: Read[T]) -> tuple[T, ...]:
    value = message.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise Refused(name, value, f"a list of at most {most}")
    return tuple(read(f"{name}[{index}]", item) for index, item in enumerate(value))


def _matching(pattern: re.Pattern[str], allowed: str) -> Read[str]:
    def read(place: str, value: Json) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise Refused(place, value, allowed)
        return value

    return read


_hash: Final = _matching(_HASH, "32 to 64 hexadecimal digits in lower case")
_name: Final = _matching(_NAME, "a name of a-z, 0-9 and _ (up to 32)")
_version: Final = _matching(_VERSION, "letters, digits and . _ : + - (up to 64)")


def _number(place: str, value: Json) -> float:
    """A number of the unit that the last part of ``place`` ends in."""
    allowed = why_not(place.rpartition(".")[2], value)
    if allowed is not None or isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(place, value, allowed or "a number")
    return float(value)


def _age(place: str, value: Json) -> float:
    """Seconds that a machine can have been up for."""
    seconds = read_seconds(place, value)
    if seconds > MAX_AGE_SECONDS:
        raise Refused(place, value, f"at most {MAX_AGE_SECONDS:.0f} (ten years)")
    return seconds


def _policy_state(place: str, value: Json) -> PolicyState:
    try:
        return PolicyState(str(value))
    except ValueError:
        raise Refused(place, value, "one of " + " ".join(PolicyState)) from None


def _bounded(place: str, raw: bytes, most: int) -> None:
    if len(raw) > most:
        raise Refused(place, Words(f"{len(raw)} bytes"), f"at most {most} bytes")


def _present(**given: Json) -> dict[str, Json]:
    return {name: value for name, value in given.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _text(message: Mapping[str, Json]) -> bytes:
    text = json.dumps(dict(message), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
