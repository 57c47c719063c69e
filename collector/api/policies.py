"""``GET /v1/policies`` and those of a school: what is in force, and what was asked for."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.judge.week import local
from collector.policy import measure_now, suppression, table
from collector.policy.describe import preview, preview_json
from collector.policy.effective import Policies
from collector.policy.model import Layer
from collector.schools.model import School
from wire.planning.forecast import MOST_DAYS
from wire.policy import PolicyRefused, parse


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class LayerOut(_Answer):
    """One version of what a scope lays down."""

    revision: int
    scope: str = Field(description="city, group:NAME, list:NAME or school:CODE")
    sha256: str
    set_at: datetime
    set_by: str
    note: str
    document: dict[str, Any] = Field(description="Empty where the layer was removed")


class SuppressionOut(_Answer):
    """One suppression in force."""

    scope: str
    until: datetime
    reason: str
    set_at: datetime
    set_by: str


class PoliciesOut(_Answer):
    """Layers in force, suppressions in force, newest versions."""

    layers: list[LayerOut]
    suppressions: list[SuppressionOut]
    history: list[LayerOut]


class SchoolPolicyOut(_Answer):
    """What the agents of a school go by."""

    school: str
    version: str | None = Field(description="null: no layer says what to test")
    sha256: str | None
    document: dict[str, Any] | None
    sources: dict[str, list[str]]
    mistakes: list[str] = Field(description="Why the layers make no policy, where they do not")
    suppressions: list[SuppressionOut]
    preview: list[dict[str, Any]] = Field(description="Tests in each window, bytes at most")


class CommandOut(_Answer):
    """One test that was asked for."""

    command_id: str
    state: measure_now.Stage
    asked_at: datetime
    expires_at: datetime
    result_id: str | None


def router(context: Context, policies: Policies) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        tags=["policies"], responses={code: {"model": ErrorOut} for code in (404, 422, 503)}
    )
    store, clock = context.store, context.clock

    def school_of(code: str) -> School:
        school = store.school(code)
        if school is None:
            raise Refusal(
                404, "no_school", f"there is no school {code[:40]!r}: see GET /v1/schools"
            )
        return school

    @routes.get("/v1/policies")
    def all_policies(
        limit: Annotated[int, Query(ge=1, le=500, description="most versions")] = 50,
    ) -> PoliciesOut:
        """Give the layers and suppressions in force, and the newest versions."""
        now = clock.now()
        return PoliciesOut(
            layers=[_layer(one) for one in store.read(table.current_layers).values()],
            suppressions=[
                _held(one) for one in store.read(lambda sql: suppression.in_force(sql, now))
            ],
            history=[
                _layer(one) for one in store.read(lambda sql: table.history(sql, None, limit))
            ],
        )

    @routes.get("/v1/schools/{code}/policy")
    def school_policy(
        code: str,
        days: Annotated[int, Query(ge=0, le=MOST_DAYS, description="days of preview")] = 7,
    ) -> SchoolPolicyOut:
        """Give what a school's agents go by, from which layers, and what it will come to."""
        school, now = school_of(code), clock.now()
        today = local(now).date()
        mistakes: tuple[str, ...] = ()
        try:
            found = store.read(lambda sql: policies.of_school(sql, school, today))
        except PolicyRefused as refused:
            found, mistakes = None, refused.mistakes
        shown: Any = (
            [] if found is None else preview_json(found, preview(found, code, today, days))["days"]
        )
        return SchoolPolicyOut(
            school=school.code,
            version=None if found is None else found.version,
            sha256=None if found is None else found.sha256,
            document=None if found is None else parse(found.text),
            sources={}
            if found is None
            else {name: [str(one) for one in scopes] for name, scopes in found.sources.items()},
            mistakes=list(mistakes),
            suppressions=[
                _held(one)
                for one in store.read(lambda sql: suppression.on_school(sql, school, now))
            ],
            preview=shown,
        )

    @routes.get("/v1/schools/{code}/commands/{command_id}")
    def command(code: str, command_id: str) -> CommandOut:
        """Give what became of a test that was asked for."""
        asked = store.read(lambda sql: measure_now.find(sql, command_id))
        if asked is None or asked.school_code != code:
            raise Refusal(404, "no_command", "there is no such command at this school")
        now = clock.now()
        asked = measure_now.look_for_result(store, asked, now)
        return CommandOut(
            command_id=asked.command_id,
            state=asked.stage(now),
            asked_at=asked.asked_at,
            expires_at=asked.expires_at,
            result_id=asked.result_id,
        )

    return routes


def _layer(one: Layer) -> LayerOut:
    return LayerOut(
        revision=one.revision,
        scope=str(one.scope),
        sha256=one.sha256,
        set_at=one.set_at,
        set_by=one.set_by,
        note=one.note,
        document=dict(one.document),
    )


def _held(one: suppression.Suppressed) -> SuppressionOut:
    return SuppressionOut(
        scope=str(one.scope),
        until=one.until,
        reason=one.reason,
        set_at=one.set_at,
        set_by=one.set_by,
    )
