"""Pages for administrators: operators, and the audit log."""

import random
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.clock import Clock
from collector.judge.week import local
from collector.operators import accounts
from collector.operators.accounts import AccountRefused
from collector.operators.administer import Administration, temporary_password
from collector.operators.audit import Record, head_of, newest, verify
from collector.operators.forms import form_of
from collector.operators.model import Operator, Role
from collector.operators.passwords import Crowded
from collector.operators.signed_in import actor_of, operator_of
from collector.pages.answer import Answers, root_of, words_of
from collector.store.interface import Store

AUDIT_ROWS: Final = 100


class OperatorPages:
    """The routes, all of them an administrator's."""

    def __init__(
        self,
        store: Store,
        answers: Answers,
        clock: Clock,
        chance: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._store = store
        self._answers = answers
        self._chance = chance
        self._administer = Administration(store, clock, keep_one=True)

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/operators")(self.listing)
        routes.post("/operators")(self.add)
        routes.post("/operators/{operator_id}/password")(self.reset)
        routes.post("/operators/{operator_id}/role")(self.role)
        routes.post("/operators/{operator_id}/disable")(self.disable)
        routes.post("/operators/{operator_id}/enable")(self.enable)
        routes.get("/audit")(self.audit_log)
        return routes

    def listing(self, request: Request) -> Response:
        """List the accounts."""
        return self._page(request)

    def add(self, request: Request) -> Response:
        """Make an account with a password for one use, shown once."""
        given, password = form_of(request), temporary_password(self._chance())
        try:
            role = _role(given.get("role", ""))
            made = self._administer.add(
                actor_of(request), given.get("name", ""), role, password, must_change=True
            )
        except (AccountRefused, Crowded) as error:
            return self._problem(request, error)
        return self._page(request, once=(made.name, password))

    def reset(self, request: Request, operator_id: str) -> Response:
        """Give an account a password for one use, shown once."""
        password = temporary_password(self._chance())

        def change(actor: str, name: str) -> None:
            self._administer.set_password(actor, name, password, must_change=True)

        refused = self._changed(request, operator_id, change)
        if refused is not None:
            return refused
        found = self._store.read(lambda sql: accounts.by_id(sql, operator_id))
        return self._page(request, once=(found.name if found else "", password))

    def role(self, request: Request, operator_id: str) -> Response:
        """Give another role."""
        wanted = form_of(request).get("role", "")
        return self._done(
            request,
            operator_id,
            lambda actor, name: self._administer.set_role(actor, name, _role(wanted)),
        )

    def disable(self, request: Request, operator_id: str) -> Response:
        """Keep somebody out."""
        return self._done(request, operator_id, self._administer.disable)

    def enable(self, request: Request, operator_id: str) -> Response:
        """Let somebody in again."""
        return self._done(request, operator_id, self._administer.enable)

    def audit_log(self, request: Request) -> Response:
        """Show the newest changes and whether the chain holds."""
        before = request.query_params.get("before", "")
        last = int(before) if before.isdecimal() and len(before) < 16 else None
        records = self._store.read(lambda sql: newest(sql, AUDIT_ROWS, last))
        faults, head = self._store.read(lambda sql: (verify(sql), head_of(sql)))
        values = {
            "records": [_shown(record) for record in records],
            "faults": len(faults),
            "head": head,
            "older": records[-1].number if len(records) == AUDIT_ROWS else None,
        }
        return self._answers.page(request, "audit.html", values)

    def _done(
        self, request: Request, operator_id: str, change: Callable[[str, str], None]
    ) -> Response:
        refused = self._changed(request, operator_id, change)
        return refused or RedirectResponse(root_of(request) + "/operators", 303)

    def _changed(
        self, request: Request, operator_id: str, change: Callable[[str, str], None]
    ) -> Response | None:
        """Do it to the account; give the page that says why not."""
        try:
            change(actor_of(request), self._other(request, operator_id).name)
        except (AccountRefused, Crowded) as error:
            return self._problem(request, error)
        return None

    def _problem(self, request: Request, error: AccountRefused | Crowded) -> HTMLResponse:
        reason = error.reason if isinstance(error, AccountRefused) else "crowded"
        status = {"no_operator": 404, "crowded": 503}.get(reason, 422)
        return self._page(request, words_of(request)(f"account_refused.{reason}"), status=status)

    def _page(
        self,
        request: Request,
        message: str = "",
        *,
        once: tuple[str, str] | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        values = {
            "operators": [_row(one) for one in self._store.read(accounts.every)],
            "roles": [role.value for role in Role],
            "problem": message,
            "once": once,
            "own_id": operator_of(request).operator_id,
        }
        return self._answers.page(request, "operators.html", values, status)

    def _other(self, request: Request, operator_id: str) -> Operator:
        """Somebody else. Raises AccountRefused."""
        found = self._store.read(lambda sql: accounts.by_id(sql, operator_id))
        if found is None:
            raise AccountRefused("no_operator", "there is no such operator")
        if found.operator_id == operator_of(request).operator_id:
            raise AccountRefused("oneself", "nobody changes their own account here")
        return found


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise AccountRefused("bad_role", "choose one of the roles") from None


def _row(operator: Operator) -> dict[str, object]:
    return {
        "id": operator.operator_id,
        "name": operator.name,
        "role": operator.role.value,
        "created": f"{local(operator.created_at):%Y-%m-%d}",
        "disabled": operator.disabled_at is not None,
        "has_password": operator.has_password,
        "must_change": operator.must_change,
    }


def _shown(record: Record) -> dict[str, object]:
    return {
        "number": record.number,
        "when": f"{local(record.at):%Y-%m-%d %H:%M:%S}",
        "actor": record.actor,
        "action": record.action,
        "subject": record.subject,
        "detail": "" if record.detail == "{}" else record.detail,
    }
