"""Signing in and out: what happens between a form and a session."""

import hashlib
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from collector.clock import Clock
from collector.operators import accounts, lockout, passwords, sessions
from collector.operators.audit import audit
from collector.operators.model import Operator
from collector.operators.provider_model import Identity
from collector.store.interface import Store
from collector.store.sql import Sql

SECRET_BYTES: Final = 32


def make_secret() -> str:
    """A session's secret: 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_sha256(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class SignInRefused(Exception):
    """Nobody was signed in. Not told apart: no such name, wrong password, disabled account."""


class MustWait(SignInRefused):
    """Too many wrong tries."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong tries: wait {seconds:.0f} seconds")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Came:
    """Where a sign-in comes from, and what the browser showed. Secrets: not for any log."""

    address: str
    device: str | None = None
    session: str | None = None
    """A session that the browser had before: it ends."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An operator who has just signed in, with the secrets for the browser to keep."""

    operator: Operator
    session: str
    device: str


@dataclass(frozen=True, slots=True)
class _Begun:
    """A try that was counted."""

    operator: Operator | None
    password_hash: str | None
    counted: tuple[lockout.Bucket, ...]
    locked: tuple[str, ...]


class SignIn:
    """Signs operators in and out."""

    def __init__(
        self, store: Store, clock: Clock, new_secret: Callable[[], str] = make_secret
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_secret = new_secret

    def with_password(self, typed_name: str, password: str, came: Came) -> Admitted:
        """Sign in by name and password. Raises :class:`SignInRefused` and Crowded."""
        name = _name(typed_name)

        begun = self._store.write(lambda sql: self._begin(sql, name, came))
        operator = begun.operator
        right = passwords.matches(begun.password_hash, password)
        if not right or operator is None or operator.disabled_at is not None:
            self._note_locks(begun.locked, came)
            raise SignInRefused("this name and password do not belong together")

        kept = begun.password_hash
        if kept is not None and passwords.outdated(kept):
            kept = passwords.hash_password(password)

        def finish(sql: Sql) -> Admitted:
            if accounts.password_hash_of(sql, operator.operator_id) != begun.password_hash:
                raise SignInRefused("the password has just been changed")
            lockout.succeeded(sql, begun.counted)
            if kept is not None and kept != begun.password_hash:
                accounts.set_password(
                    sql, operator.operator_id, kept, must_change=operator.must_change
                )
            return self.admit(sql, operator, came, "password")

        return self._store.write(finish)

    def with_provider(self, identity: Identity, came: Came) -> Admitted:
        """Sign in whom the provider vouches for; the account is made at the first time.

        Raises :class:`SignInRefused` where the account is disabled or the name is somebody else's.
        """

        def work(sql: Sql) -> Admitted:
            sql.lock("operators")
            now = self._clock.now()
            operator = accounts.by_provider(sql, identity.subject)
            if operator is None:
                operator = self._new_from_provider(sql, identity)
            elif operator.disabled_at is not None:
                raise SignInRefused(f"{operator.name} is disabled")
            elif operator.role is not identity.role:
                accounts.set_role(sql, operator, identity.role, keep_one=False)
                detail = {"before": operator.role.value, "after": identity.role.value}
                audit(sql, "provider", "operator.role", operator.name, detail, now)
            return self.admit(sql, replace(operator, role=identity.role), came, "provider")

        return self._store.write(work)

    def _new_from_provider(self, sql: Sql, identity: Identity) -> Operator:
        now = self._clock.now()
        try:
            accounts.add(
                sql,
                str(uuid.uuid4()),
                identity.name,
                identity.role,
                None,
                now,
                provider_subject=identity.subject,
            )
        except accounts.AccountRefused as error:  # never taken over by a name alone
            raise SignInRefused(f"{error}; it is not the provider's") from None
        audit(sql, "provider", "operator.add", identity.name, {"role": identity.role.value}, now)
        return accounts.require(sql, identity.name)

    def admit(self, sql: Sql, operator: Operator, came: Came, way: str) -> Admitted:
        """Begin a session with a new secret, in the transaction of the caller."""
        now = self._clock.now()
        admitted = Admitted(operator, self._new_secret(), came.device or self._new_secret())
        if came.session is not None:
            sessions.end(sql, secret_sha256(came.session))
        sessions.start(sql, operator.operator_id, secret_sha256(admitted.session), now)
        sessions.know_device(sql, operator.operator_id, secret_sha256(admitted.device), now)
        audit(
            sql,
            f"operator:{operator.name}",
            "operator.sign_in",
            operator.name,
            {"way": way, "address": came.address},
            now,
        )
        return admitted

    def out(self, operator: Operator, session: str) -> None:
        """End a session."""

        def end(sql: Sql) -> None:
            sessions.end(sql, secret_sha256(session))
            actor = f"operator:{operator.name}"
            audit(sql, actor, "operator.sign_out", operator.name, {}, self._clock.now())

        self._store.write(end)

    def change_password(self, operator: Operator, old: str, new: str, came: Came) -> Admitted:
        """Give oneself another password: every session ends, a new one begins here.

        Raises WeakPassword, :class:`SignInRefused` where the old one is wrong, and Crowded.
        """
        passwords.accept_change(old, new, operator.name)
        begun = self._store.write(lambda sql: self._begin(sql, operator.name, came))
        if not passwords.matches(begun.password_hash, old):
            self._note_locks(begun.locked, came)
            raise SignInRefused("the old password is wrong")
        made = passwords.hash_password(new)

        def finish(sql: Sql) -> Admitted:
            lockout.succeeded(sql, begun.counted)
            accounts.set_password(sql, operator.operator_id, made)
            ended = sessions.end_all(sql, operator.operator_id)
            actor = f"operator:{operator.name}"
            now = self._clock.now()
            audit(sql, actor, "operator.password", operator.name, {"sessions_ended": ended}, now)
            changed = replace(operator, must_change=False)
            return self.admit(sql, changed, came, "password change")

        return self._store.write(finish)

    def _begin(self, sql: Sql, name: str, came: Came) -> _Begun:
        """Count a try. Raises :class:`MustWait`."""
        operator, now = accounts.by_name(sql, name), self._clock.now()
        known: str | None = None
        password_hash: str | None = None
        if operator is not None:
            password_hash = accounts.password_hash_of(sql, operator.operator_id)
            device = None if came.device is None else secret_sha256(came.device)
            if device and sessions.device_known(sql, operator.operator_id, device, now):
                known = device
        counted = lockout.buckets(name, came.address, known)
        tried = lockout.begin(sql, counted, now)
        if tried.wait_seconds:
            raise MustWait(tried.wait_seconds)
        return _Begun(operator, password_hash, counted, tried.locked)

    def _note_locks(self, locked: Sequence[str], came: Came) -> None:
        if not locked:
            return

        def note(sql: Sql) -> None:
            for bucket in locked:
                subject = "known browser" if bucket.startswith("device ") else bucket
                audit(
                    sql,
                    "collector",
                    "operator.locked",
                    subject,
                    {"address": came.address},
                    self._clock.now(),
                )

        self._store.write(note)


def _name(typed: str) -> str:
    """The name as accounts have it; what cannot be one is counted all the same."""
    try:
        return accounts.name_of(typed)
    except accounts.AccountRefused:
        return "?"
