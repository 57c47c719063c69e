"""How often a password may be tried: per account, per address, per known browser.

Failures are kept in the database, so restarts and several collectors change nothing. After a few
the next try has to wait, twice as long after each further one, up to a quarter of an hour: nobody
is locked out for ever, and tries while waiting do not prolong the wait. A browser that has signed
in before is counted for itself (OWASP, "device cookies"): whoever locks an account by guessing at
it does not lock out its owner.

A try is counted as a failure before the password is looked at, and taken back when it was right:
tries at the same time all count.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.store.sql import Sql
from collector.store.times import to_micros

FREE_TRIES_ACCOUNT: Final = 5
FREE_TRIES_ADDRESS: Final = 20
"""Several people share the address of an office."""
FIRST_WAIT_SECONDS: Final = 30
LONGEST_WAIT_SECONDS: Final = 900
FORGOTTEN_AFTER: Final = timedelta(hours=24)
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tries that are counted together."""

    key: str
    free_tries: int


@dataclass(frozen=True, slots=True)
class Try:
    """Whether a password may be tried now."""

    wait_seconds: float
    """0: it may, and it has been counted."""
    locked: tuple[str, ...] = ()
    """Buckets that have to wait from this try on."""


def wait_after(failures: int, free_tries: int) -> int:
    """Seconds to wait after so many failures in a row: 0, 30, 60, ... 900."""
    over = failures - free_tries
    return 0 if over < 0 else min(FIRST_WAIT_SECONDS * 2 ** min(over, 10), LONGEST_WAIT_SECONDS)


def buckets(name: str, address: str, device_sha256: str | None) -> tuple[Bucket, ...]:
    """Where a try is counted: a known browser for itself, others by account and address."""
    if device_sha256 is not None:
        return (Bucket(f"device {device_sha256}", FREE_TRIES_ACCOUNT),)
    return (
        Bucket(f"account {name}", FREE_TRIES_ACCOUNT),
        Bucket(f"address {network_of(address)}", FREE_TRIES_ADDRESS),
    )


def begin(sql: Sql, counted: Sequence[Bucket], now: datetime) -> Try:
    """Count a try, or say how long to wait. Inside a transaction."""
    sql.lock("sign_in")
    moment = to_micros(now)
    sql.execute(
        "DELETE FROM sign_in_failure WHERE last_failed_at < ?",
        (moment - FORGOTTEN_AFTER // timedelta(microseconds=1),),
    )
    state = {bucket.key: _state(sql, bucket) for bucket in counted}
    wait_micros = max(until - moment for _, until in state.values())
    if wait_micros > 0:
        # a clock that was set back must not lock for longer than the rule says
        return Try(min(wait_micros / _MICROS, LONGEST_WAIT_SECONDS))
    locked = []
    for bucket in counted:
        failures = state[bucket.key][0] + 1
        wait = wait_after(failures, bucket.free_tries)
        if wait:
            locked.append(bucket.key)
        sql.execute(
            "INSERT INTO sign_in_failure (bucket, failures, last_failed_at, locked_until) "
            "VALUES (?, ?, ?, ?) ON CONFLICT (bucket) DO UPDATE SET failures = excluded.failures, "
            "last_failed_at = excluded.last_failed_at, locked_until = excluded.locked_until",
            (bucket.key, failures, moment, moment + wait * _MICROS),
        )
    return Try(0.0, tuple(locked))


def succeeded(sql: Sql, counted: Sequence[Bucket]) -> None:
    """Forget the failures of the account or browser; take back the one of the address."""
    sql.lock("sign_in")
    for bucket in counted:
        if bucket.key.startswith("address "):
            sql.execute(
                "UPDATE sign_in_failure SET failures = failures - 1, locked_until = 0 "
                "WHERE bucket = ?",
                (bucket.key,),
            )
        else:
            sql.execute("DELETE FROM sign_in_failure WHERE bucket = ?", (bucket.key,))


def unlock(sql: Sql, name: str) -> None:
    """Forget the failures of an account."""
    sql.execute("DELETE FROM sign_in_failure WHERE bucket = ?", (f"account {name}",))


def network_of(address: str) -> str:
    """The address, or for IPv6 the /64 that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _state(sql: Sql, bucket: Bucket) -> tuple[int, int]:
    row = sql.execute(
        "SELECT failures, locked_until FROM sign_in_failure WHERE bucket = ?", (bucket.key,)
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])
