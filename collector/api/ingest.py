"""``POST /v1/measurements``: the one busy route, kept lean.

Order: who, how much, what, store, reply. The reply leaves after COMMIT and names every record.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from collector.api.auth import require_agent, require_private
from collector.api.batch import split_batch
from collector.api.body import declared_bytes, decompress, read_body
from collector.api.record import read_record
from collector.api.refusal import Refusal
from collector.clock import Clock
from collector.metrics import Metrics
from collector.store.interface import (
    Agent,
    Batch,
    NewRow,
    QuarantineRow,
    Store,
    StoreBusy,
    StoreError,
    StoreFull,
)
from wire.codec import Refused
from wire.ids import is_uuid
from wire.messages import (
    MAX_BATCH_BYTES,
    MAX_BODY_BYTES,
    Acknowledgement,
    Quarantined,
    encode_acknowledgement,
)

RETRY_SECONDS: Final = 5
MAX_UNDER_WAY_BYTES: Final = 64 * 1024 * 1024
"""Of bodies that are being read or waiting to be: what more agents send meanwhile is shed."""
_INLINE_BYTES: Final = 64 * 1024
"""Larger bodies are read in a thread, so that one of them does not hold up everyone."""
_INLINE_TEXT_BYTES: Final = 256 * 1024
"""Likewise larger texts: eight kilobytes can unpack to eight megabytes."""
_ID: Final = re.compile(rb'"result_id"\s*:\s*"([0-9a-f-]{36})"')


class _Identified(msgspec.Struct):
    result_id: object = None


_decode_id: Final = msgspec.json.Decoder(_Identified).decode


@dataclass(frozen=True, slots=True)
class Sorted:
    """The records of a batch: those to store and those to set apart."""

    rows: Sequence[NewRow]
    quarantine: Sequence[QuarantineRow]


class Ingest:
    """The route: ``take`` is its endpoint."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        *,
        insecure_lab: bool = False,
        store_id: str | None = None,
    ) -> None:
        """``store_id``: name of the database, for every acknowledgement."""
        self._store = store
        self._store_id = store_id
        self._clock = clock
        self._metrics = metrics
        self._insecure_lab = insecure_lab
        self._under_way_bytes = 0

    async def take(self, request: Request) -> Response:
        """Take one batch."""
        started = self._clock.monotonic_seconds()
        try:
            response = await self._take(request)
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.reason).inc()
            raise
        finally:
            self._metrics.request_seconds.observe(self._clock.monotonic_seconds() - started)
        return response

    async def _take(self, request: Request) -> Response:
        require_private(request, insecure_lab=self._insecure_lab)
        agent = self._sender(request)
        size = declared_bytes(request, MAX_BODY_BYTES)
        if self._under_way_bytes + size > MAX_UNDER_WAY_BYTES:
            raise Refusal(
                503,
                "overloaded",
                "too many batches arrive at once: try again",
                {"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
            )
        self._under_way_bytes += size
        try:
            body = await read_body(request, MAX_BODY_BYTES)
            encoding = request.headers.get("content-encoding", "")
            is_large = len(body) > _INLINE_BYTES
            if not is_large:
                body, encoding = decompress(body, encoding, MAX_BATCH_BYTES), ""
            if is_large or len(body) > _INLINE_TEXT_BYTES:
                found = await asyncio.to_thread(sort_out, body, encoding, agent)
            else:
                found = sort_out(body, encoding, agent)
        finally:
            self._under_way_bytes -= size
        await self._keep(Batch(agent.agent_id, self._clock.now(), found.rows, found.quarantine))
        self._metrics.committed.inc(len(found.rows))
        self._metrics.quarantined.inc(len(found.quarantine))
        reply = encode_acknowledgement(_acknowledge(found, self._store_id))
        return Response(reply, media_type="application/json")

    def _sender(self, request: Request) -> Agent:
        try:
            return require_agent(request, self._store)
        except StoreError as error:
            raise store_refusal(error) from error

    async def _keep(self, batch: Batch) -> None:
        """Wait until the batch is durable."""
        started = self._clock.monotonic_seconds()
        try:
            await asyncio.wrap_future(self._store.submit(batch))
        except StoreError as error:
            raise store_refusal(error) from error
        self._metrics.commit_seconds.observe(self._clock.monotonic_seconds() - started)


def sort_out(body: bytes, encoding: str, agent: Agent) -> Sorted:
    """Read a body into rows and refused records. Raises :class:`Refusal`."""
    rows: dict[tuple[object, str], NewRow] = {}
    quarantine: list[QuarantineRow] = []
    for raw in split_batch(decompress(body, encoding, MAX_BATCH_BYTES)):
        try:
            row = _own_record(raw, agent)
        except Refused as refused:
            quarantine.append(
                QuarantineRow(
                    agent_id=agent.agent_id,
                    school_code=agent.school_code,
                    result_id=_id_of(raw),
                    reason=str(refused),
                    record=raw,
                )
            )
        else:
            rows[row.started_at, row.result_id] = row
    return Sorted(tuple(rows.values()), quarantine)


def _own_record(raw: bytes, agent: Agent) -> NewRow:
    row = read_record(raw, agent.school_code)
    if row.agent_id != agent.agent_id:
        raise Refused("agent_id", row.agent_id, f"the sender's own, {agent.agent_id}")
    return row


def _acknowledge(found: Sorted, store_id: str | None) -> Acknowledgement:
    committed = dict.fromkeys(row.result_id for row in found.rows)
    return Acknowledgement(
        tuple(committed),
        tuple(Quarantined(row.result_id, row.reason) for row in found.quarantine),
        store_id,
    )


def _id_of(raw: bytes) -> str | None:
    """The result id of a refused record, where one can be made out."""
    try:
        found = _decode_id(raw).result_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        match = _ID.search(raw)
        found = match[1].decode() if match else None
    return found if isinstance(found, str) and is_uuid(found) else None


def store_refusal(error: StoreError) -> Refusal:
    """Give the answer where the store could not: 507 full, 503 else. Nothing was kept."""
    if isinstance(error, StoreFull):
        return Refusal(507, "store_full", str(error))
    reason = "store_busy" if isinstance(error, StoreBusy) else "store_failed"
    return Refusal(503, reason, str(error), {"Retry-After": str(RETRY_SECONDS)})
