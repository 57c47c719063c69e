"""What administrators do to accounts: each with its record in the audit log."""

import random
import uuid
from datetime import datetime
from typing import Final

from collector.clock import Clock
from collector.identity import ALPHABET
from collector.operators import accounts, lockout, passwords, sessions
from collector.operators.audit import audit
from collector.operators.model import Operator, Role
from collector.store.interface import Store
from collector.store.sql import Sql

TEMPORARY_GROUPS: Final = 5
TEMPORARY_GROUP: Final = 4


def temporary_password(chance: random.Random) -> str:
    """Make a password for one use, such as ``K7QM-3XHT-...``: 100 bits. Give it SystemRandom."""
    return "-".join(
        "".join(chance.choice(ALPHABET) for _ in range(TEMPORARY_GROUP))
        for _ in range(TEMPORARY_GROUPS)
    )


class Administration:
    """Changes accounts in the name of ``actor``. Each method raises AccountRefused.

    ``keep_one``: refuse what would leave no administrator.
    """

    def __init__(self, store: Store, clock: Clock, *, keep_one: bool) -> None:
        self._store = store
        self._clock = clock
        self._keep_one = keep_one

    def add(
        self, actor: str, name: str, role: Role, password: str, *, must_change: bool
    ) -> Operator:
        """Make an account. Raises also WeakPassword and Crowded."""
        name = accounts.name_of(name)
        passwords.accept(password, name)
        hashed = passwords.hash_password(password)

        def work(sql: Sql, now: datetime) -> Operator:
            operator_id = str(uuid.uuid4())
            accounts.add(sql, operator_id, name, role, hashed, now, must_change=must_change)
            audit(sql, actor, "operator.add", name, {"role": role.value}, now)
            return accounts.require(sql, name)

        return self._store.write(lambda sql: work(sql, self._clock.now()))

    def set_password(self, actor: str, name: str, password: str, *, must_change: bool) -> None:
        """Replace a password; every session ends, failed tries are forgotten."""
        name = accounts.name_of(name)
        passwords.accept(password, name)
        hashed = passwords.hash_password(password)

        def work(sql: Sql) -> None:
            operator = accounts.require(sql, name)
            accounts.set_password(sql, operator.operator_id, hashed, must_change=must_change)
            ended = sessions.end_all(sql, operator.operator_id)
            lockout.unlock(sql, name)
            detail = {"sessions_ended": ended, "must_change": must_change}
            audit(sql, actor, "operator.password", name, detail, self._clock.now())

        self._store.write(work)

    def set_role(self, actor: str, name: str, role: Role) -> None:
        """Give another role; it holds from the next request on."""

        def work(sql: Sql) -> None:
            operator = accounts.require(sql, accounts.name_of(name))
            accounts.set_role(sql, operator, role, keep_one=self._keep_one)
            detail = {"before": operator.role.value, "after": role.value}
            audit(sql, actor, "operator.role", operator.name, detail, self._clock.now())

        self._store.write(work)

    def disable(self, actor: str, name: str) -> None:
        """Keep somebody out: every session ends at once. The account stays, for the log."""

        def work(sql: Sql) -> None:
            operator = accounts.require(sql, accounts.name_of(name))
            now = self._clock.now()
            accounts.set_disabled(sql, operator, now, keep_one=self._keep_one)
            ended = sessions.end_all(sql, operator.operator_id)
            audit(sql, actor, "operator.disable", operator.name, {"sessions_ended": ended}, now)

        self._store.write(work)

    def enable(self, actor: str, name: str) -> None:
        """Let somebody in again; failed tries are forgotten."""

        def work(sql: Sql) -> None:
            operator = accounts.require(sql, accounts.name_of(name))
            accounts.set_disabled(sql, operator, None, keep_one=False)
            lockout.unlock(sql, operator.name)
            audit(sql, actor, "operator.enable", operator.name, {}, self._clock.now())

        self._store.write(work)
