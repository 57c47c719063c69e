"""What ``run`` tells ``status``; :mod:`agent.status_file` has where.

The next life of the agent begins with what it says of deliveries, so that a restart forgets none.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agent.delivery import Delivery, DeliveryState
from agent.heartbeat import HeartState
from agent.identity import Identity
from agent.spool import Spool
from wire.codec import format_time
from wire.measurement import Json


def snapshot(
    identity: Identity,
    spool: Spool,
    delivery: Delivery,
    now: datetime,
    missed_slots: int,
    heart: HeartState | None = None,
) -> Mapping[str, Json]:
    """Gather the state as a JSON object; nothing in it is secret."""
    counts = spool.counts()
    active = identity.active
    return {
        "at": format_time(now),
        "agent_id": identity.agent_id,
        "collector": "" if active is None else active.collector,
        "school": None
        if active is None
        else {"code": active.school_code, "name": active.school_name},
        "spool": {
            "stream": counts.stream,
            "next_seq": counts.next_seq,
            "waiting_count": counts.waiting_count,
            "refused_count": counts.refused_count,
            "used_bytes": counts.used_bytes,
            "cap_bytes": counts.cap_bytes,
            "unreported_losses": {
                name: value for name, value in asdict(counts.account).items() if value
            },
            "trouble": spool.trouble,
            "set_aside": [path.name for path in spool.set_aside_files()],
        },
        "delivery": {
            "state": delivery.state.value,
            "detail": delivery.detail,
            "delivered_count": delivery.delivered_count,
            "last_delivery_at": _time(delivery.last_delivery_at),
            "last_failure_at": _time(delivery.last_failure_at),
            "retry_at": _time(delivery.retry_at),
        },
        "schedule": {"missed_slots_count": missed_slots},
        "heartbeat": None
        if heart is None
        else {
            "state": heart.pulse.value,
            "detail": heart.detail,
            "last_ok_at": _time(heart.last_ok_at),
        },
    }


def earlier_delivery(told: Mapping[str, Any], collector: str) -> Delivery:
    """How delivery to ``collector`` stood by what an earlier life told.

    A fresh state where nothing is told, it makes no sense, or it speaks of another collector.
    ``retry_at`` and ``delivered_count`` belong to the former process and start anew.
    """
    try:
        if told["collector"] != collector:
            return Delivery()
        delivery = told["delivery"]
        return Delivery(
            state=DeliveryState(delivery["state"]),
            detail=str(delivery["detail"]),
            last_delivery_at=_moment(delivery["last_delivery_at"]),
            last_failure_at=_moment(delivery["last_failure_at"]),
        )
    except (ValueError, TypeError, KeyError):
        return Delivery()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError("a time without offset")
    return moment


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
