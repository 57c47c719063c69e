"""What a reply of the collector means for the results that were sent: a table, decided purely.

Theory of operation. A batch was sent; something answered, or nothing did. Results leave the queue
only when an acknowledgement that was read completely names them, and names nothing that was not in
this very batch. Results are put into local quarantine only on the word of something that speaks
JSON as the collector does: filters and proxies answer with 400, 403 and 413 too, in HTML, and
must not be able to empty a queue. Everything else keeps every result where it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wire.codec import Refused, parse_object
from wire.measurement import Json
from wire.messages import Acknowledgement, decode_acknowledgement

MAX_REPLY_BYTES: Final = 1024 * 1024
MAX_DETAIL_CHARACTERS: Final = 160


class Action(StrEnum):
    """What the agent does after a reply."""

    SETTLE = "settle"
    """Remove what is named; go on."""
    KEEP = "keep"
    """Keep everything; try again after a back-off, or when Retry-After says."""
    SPLIT = "split"
    """Send a smaller batch; a single record that is still too big goes to local quarantine."""
    ISOLATE = "isolate"
    """Quarantine what is named; where nothing is, halve the batch down to the culprit."""
    REAUTHENTICATE = "re-authenticate"
    """Keep identity and data, say so, try again slowly."""
    STOP = "stop"
    """Keep everything, say so, stop sending; look again only every few hours."""
    INTERCEPTED = "intercepted"
    """Somebody else answered: keep everything, say so, back off."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the published table: from ``first`` to ``last`` status, and what follows."""

    first: int
    last: int
    ours: Action
    """When the body is the collector's (an acknowledgement for 200, a JSON object otherwise)."""
    others: Action
    """When it is anything else."""


TABLE: Final[tuple[Rule, ...]] = (
    Rule(200, 200, Action.SETTLE, Action.INTERCEPTED),
    Rule(201, 399, Action.INTERCEPTED, Action.INTERCEPTED),
    Rule(400, 400, Action.ISOLATE, Action.INTERCEPTED),
    Rule(401, 401, Action.REAUTHENTICATE, Action.REAUTHENTICATE),
    Rule(402, 402, Action.KEEP, Action.INTERCEPTED),
    Rule(403, 403, Action.STOP, Action.INTERCEPTED),
    Rule(404, 407, Action.KEEP, Action.INTERCEPTED),
    Rule(408, 408, Action.KEEP, Action.KEEP),
    Rule(409, 412, Action.KEEP, Action.INTERCEPTED),
    Rule(413, 413, Action.SPLIT, Action.SPLIT),
    Rule(414, 421, Action.KEEP, Action.INTERCEPTED),
    Rule(422, 422, Action.ISOLATE, Action.INTERCEPTED),
    Rule(423, 424, Action.KEEP, Action.INTERCEPTED),
    Rule(425, 425, Action.KEEP, Action.KEEP),
    Rule(426, 428, Action.KEEP, Action.INTERCEPTED),
    Rule(429, 429, Action.KEEP, Action.KEEP),
    Rule(430, 499, Action.KEEP, Action.INTERCEPTED),
    Rule(500, 599, Action.KEEP, Action.KEEP),
)
"""The status table. Statuses outside it are INTERCEPTED."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was read completely."""

    status: int
    body: bytes
    content_type: str = ""
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, with which results, and one line for people."""

    action: Action
    detail: str = ""
    delivered: tuple[str, ...] = ()
    """Result ids that may be deleted."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Result ids that go to local quarantine, with the reason."""
    store_id: str = ""
    """The database that has what was delivered; empty where the collector does not say."""


def decide(reply: Reply, sent: Sequence[str]) -> Verdict:
    """Decide what ``reply`` to a batch of result ids ``sent`` means."""
    rule = next((rule for rule in TABLE if rule.first <= reply.status <= rule.last), None)
    detail = describe(reply)
    if rule is None:
        return Verdict(Action.INTERCEPTED, detail)
    if reply.status == 200:
        return _acknowledged(reply, sent, detail)
    message = _json_object(reply.body)
    if message is None:
        action = rule.others
        if action is Action.SPLIT and len(sent) == 1:
            action = Action.INTERCEPTED
        return Verdict(action, detail)
    if rule.ours is Action.ISOLATE:
        return Verdict(Action.ISOLATE, detail, refused=_named(reply.body, sent))
    return Verdict(rule.ours, detail)


def describe(reply: Reply) -> str:
    """One line about a reply, without anything secret: agents send secrets, replies do not."""
    start = reply.body[:MAX_DETAIL_CHARACTERS].decode("utf-8", "replace")
    printable = "".join(char if char.isprintable() else " " for char in start)
    kind = f" {reply.content_type[:60]}" if reply.content_type.isprintable() else ""
    return f"HTTP {reply.status}{kind}: {' '.join(printable.split()) or 'no body'}"


def _acknowledged(reply: Reply, sent: Sequence[str], detail: str) -> Verdict:
    try:
        message = decode_acknowledgement(reply.body)
    except Refused as error:
        return Verdict(Action.INTERCEPTED, f"not an acknowledgement ({error}); {detail}"[:400])
    refused = {item.result_id: item.reason for item in message.quarantined if item.result_id}
    named = {*message.committed, *refused}
    if not named <= set(sent):
        return Verdict(Action.INTERCEPTED, f"it names results that were not sent; {detail}"[:400])
    missing = [result_id for result_id in sent if result_id not in named]
    nameless = _nameless(message)
    if missing and len(missing) == len(nameless):
        refused |= dict(zip(missing, nameless, strict=True))
    if not named and not refused:
        return Verdict(Action.INTERCEPTED, f"it names none of the results sent; {detail}"[:400])
    delivered = tuple(dict.fromkeys(message.committed))
    stored = set(delivered)
    return Verdict(
        Action.SETTLE,
        delivered=delivered,
        refused={name: reason for name, reason in refused.items() if name not in stored},
        store_id=message.store_id or "",
    )


def _nameless(message: Acknowledgement) -> list[str]:
    """Reasons of records whose id the collector could not read: they are those not named."""
    return [item.reason for item in message.quarantined if item.result_id is None]


def _named(body: bytes, sent: Sequence[str]) -> dict[str, str]:
    """Results of this batch that a refusal names in ``quarantined``."""
    message = _json_object(body) or {}
    listed = message.get("quarantined")
    found: dict[str, str] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and isinstance(result_id := item.get("result_id"), str):
            found[result_id] = str(item.get("reason", ""))
    return {name: reason for name, reason in found.items() if name in set(sent)}


def _json_object(body: bytes) -> dict[str, Json] | None:
    try:
        return parse_object(body, "reply")
    except Refused:
        return None
