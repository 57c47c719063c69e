"""The collector as an ASGI application: routes, pages, and the judging thread beside them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import SystemRandom
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from collector import __version__
from collector.api import (
    busy,
    causes,
    description,
    enrol,
    fleet,
    heartbeat,
    identity,
    late,
    operations,
    questions,
    slots,
    time,
)
from collector.api import policies as policy_api
from collector.api.context import Context
from collector.api.gate import Gate, Plan
from collector.api.headers import BodyLimit, Compressed, HeadAsGet, SecurityHeaders
from collector.api.ingest import Ingest, store_refusal
from collector.api.keeper import Keeper
from collector.backup.identity import store_id
from collector.causes.kept import KeptCauses
from collector.clock import Clock, SystemClock
from collector.export import standing
from collector.export.request import Target
from collector.export.worker import Exporter
from collector.fleet.hints import identity_hints
from collector.fleet.watch import FleetWatch
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.week import Week
from collector.metrics import Metrics
from collector.operators.access import Access
from collector.operators.provider_model import IdentityProvider
from collector.operators.sign_in import SignIn
from collector.pages.account import AccountPages, show
from collector.pages.answer import Answers
from collector.pages.fleet import FleetPages
from collector.pages.operators import OperatorPages
from collector.pages.policy import PolicyPages
from collector.pages.programme_routes import programme_routers
from collector.pages.provider import ProviderPages
from collector.pages.rehearsal import RehearsalPages
from collector.pages.reports import ReportPages
from collector.pages.router import page_routers, static_files
from collector.pages.sources import PageSources
from collector.policy.effective import Policies
from collector.policy.provider import PolicyProvider
from collector.programme.measured_refresh import DailyRefresh
from collector.rejudge import JudgeInputs, Rejudge
from collector.report.gather import Inputs
from collector.report.schedule import Schedule
from collector.report.settings import Settings
from collector.retention.policy import Policy, load_policy
from collector.shown import Shown
from collector.slots.keys import SlotKeys
from collector.slots.rehearse import RehearsalProvider
from collector.store.interface import Store, StoreError
from collector.topology.weekly import DailySnapshot
from collector.upkeep import Upkeep
from wire.messages import MAX_BODY_BYTES


class Worker(Protocol):
    """What runs beside serving."""

    def start(self) -> None:
        """Start in the background."""
        ...

    def stop(self) -> None:
        """Finish what runs, then stop."""
        ...


def create_app(  # noqa: PLR0913 - the settings of a program, by name
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    *,
    clock: Clock | None = None,
    week: Week | None = None,
    insecure_lab: bool = False,
    access: Access | None = None,
    provider: IdentityProvider | None = None,
    slot_keys: SlotKeys | None = None,
    retention: Policy | None = None,
    reports: Settings | None = None,
    remote_writes: Sequence[Target] = (),
) -> FastAPI:
    """Make the application. It does not close ``store``.

    ``week`` pins the week shown. ``insecure_lab`` takes secrets over plain HTTP from anywhere.
    ``access`` says who reads without signing in, ``provider`` who else vouches for operators.
    ``retention`` says how long what is kept; None: as the packaged policy says.
    ``reports`` says when the weekly report is issued and delivered; None: by hand only.
    ``remote_writes``: time-series stores that get every result.
    """
    clock = clock or SystemClock()
    metrics = Metrics(store.queue_depth)
    shown = Shown(store, clock, week)
    context = Context(
        store=store,
        criteria=criteria,
        calendars=calendars,
        clock=clock,
        metrics=metrics,
        shown=shown,
        insecure_lab=insecure_lab,
    )
    context.heartbeat_providers.append(identity_hints(store))
    inputs = Inputs(store=store, criteria=criteria, calendars=calendars)
    watch = FleetWatch(store, clock, shown.now)
    policies = Policies(calendars)
    context.heartbeat_providers.append(PolicyProvider(store, policies))
    context.heartbeat_providers.append(RehearsalProvider(store))
    rejudge = Rejudge(store, shown, JudgeInputs(criteria, calendars), clock, metrics)
    upkeep = Upkeep(
        store,
        retention or load_policy(None),
        clock,
        [
            DailyRefresh(store, calendars, shown, clock).once,
            DailySnapshot(store, shown, clock).once,
        ],
    )
    standing_now = partial(standing.now, store, standing.Rules(criteria, calendars))
    workers: list[Worker] = [
        rejudge,
        upkeep,
        watch,
        *(
            Exporter(store, one, clock, SystemRandom(), metrics, standing=standing_now)
            for one in remote_writes
        ),
    ]
    if reports is not None:
        workers.append(Schedule(inputs, reports, clock, SystemRandom(), shown.simulated))

    @asynccontextmanager
    async def judging(_app: FastAPI) -> AsyncIterator[None]:
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            for worker in reversed(workers):
                worker.stop()

    app = FastAPI(
        title="hakaru collector",
        version=__version__,
        description="Takes measurements of schools' networks and judges each school.",
        docs_url=None,  # the stock page loads its scripts from the internet, which a centre
        redoc_url=None,  # may not have; /openapi.json is read by any local viewer
        lifespan=judging,
    )
    app.openapi = lambda: description.describe(app)  # type: ignore[method-assign] # FastAPI's own way
    app.add_exception_handler(StoreError, _store_failed)
    app.add_exception_handler(RequestValidationError, _not_as_described)
    pages = PageSources(
        store=store, criteria=criteria, calendars=calendars, clock=clock, shown=shown
    )
    answers = Answers(pages)
    plan = Plan()
    keeper = Keeper(
        store, metrics, clock, access or Access(), partial(show, answers), insecure_lab=insecure_lab
    )
    app.add_middleware(Gate, plan=plan, keeper=keeper)  # the innermost: added first
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    for layer in (Compressed, SecurityHeaders, HeadAsGet):
        app.add_middleware(layer)
    ingest = Ingest(store, clock, metrics, insecure_lab=insecure_lab, store_id=store_id(store))
    app.add_route(busy.PATH, ingest.take, methods=[busy.METHOD], include_in_schema=False)
    app.add_middleware(busy.BusyRoute, plan=plan, keeper=keeper, take=ingest.take)  # the outermost
    kept = KeptCauses(store, criteria, calendars, clock)
    sign_in = SignIn(store, clock)
    app.mount("/static", static_files(), name="static")
    for routes in (
        *(
            module.router(context)
            for module in (enrol, fleet, heartbeat, identity, late, questions, operations, time)
        ),
        slots.router(context, slot_keys, SystemRandom()),
        causes.router(context, kept),
        *page_routers(pages, answers, kept),
        AccountPages(
            store,
            answers,
            sign_in,
            insecure_lab=insecure_lab,
            provider_name=None if provider is None else provider.name,
        ).router(),
        ProviderPages(answers, sign_in, clock, provider).router(),
        OperatorPages(store, answers, clock).router(),
        FleetPages(pages, answers).router(),
        PolicyPages(pages, answers, policies).router(),
        policy_api.router(context, policies),
        *programme_routers(pages, answers),
        ReportPages(pages, answers, inputs, reports).router(),
        RehearsalPages(pages, answers).router(),
    ):
        # as they are: each is complete, and include_router() would build every one a second time
        app.router.routes.extend(routes.routes)
    plan.declare(app.routes)  # last: a route without a declared caller stops the start
    return app


async def _not_as_described(_request: Request, error: Exception) -> JSONResponse:
    """Name each field and what is allowed; never what was sent, which may hold a secret."""
    assert isinstance(error, RequestValidationError)
    wrong: dict[str, str] = {}
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"][1:] if isinstance(part, str))
        wrong.setdefault(place or "body", one["msg"])
    detail = "; ".join(f"{place}: {message}" for place, message in wrong.items())
    return JSONResponse({"detail": f"{detail} (see /openapi.json)"}, 422)


async def _store_failed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreError)
    refusal = store_refusal(error)
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
