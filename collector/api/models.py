"""What the API answers, as models: they make the OpenAPI description."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class EnrolIn(BaseModel):
    """An appliance asks to be bound to the school of its one-time code."""

    model_config = ConfigDict(extra="ignore", strict=True)

    code: str = Field(min_length=1, max_length=64, examples=["K7QM-3XTA-9H26"])
    agent_id: str = Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        max_length=36,
    )
    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", max_length=64)


class OfferIn(BaseModel):
    """An agent announces its next secret."""

    model_config = ConfigDict(extra="ignore", strict=True)

    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", max_length=64)


class SecretOut(_Answer):
    """Whose secret it is."""

    agent_id: str


class SchoolName(_Answer):
    """A school, named."""

    code: str
    name: str


class EnrolOut(_Answer):
    """The appliance is bound."""

    agent_id: str
    school: SchoolName


class SchoolOut(_Answer):
    """A school as imported, with its required speed."""

    code: str
    name: str
    kind: str
    region: str
    pupils: int
    line: str
    contracted_mbps: int | None
    sample: bool
    latitude: float | None
    longitude: float | None
    aggregation_group: str
    size_band: str
    required_bps: int
    required_upper_bps: int
    required_outside_table: bool
    baseline_met: bool | None = Field(description="By the survey; null: not surveyed")


class SchoolsOut(_Answer):
    """All schools, by code."""

    schools: list[SchoolOut]


class VerdictOut(_Answer):
    """Judgement of one figure in one week, with its evidence."""

    week: str
    figure: str
    status: str
    reasons: list[str]
    required_bps: int
    required_upper_bps: int
    table_version: str
    runs: int
    failed_runs: int
    days: int
    school_days: int
    statistic: str
    median_bps: float | None
    low_bps: float | None
    high_bps: float | None
    simulated: bool


class ResultOut(_Answer):
    """One stored measurement."""

    result_id: str
    probe: str
    target: str
    segment: str | None
    started_at: datetime
    received_at: datetime
    outcome: str
    failure_code: str | None
    failure_text: str | None
    download_bps: float | None
    upload_bps: float | None
    simulated: bool
    clock_suspect: bool = Field(
        description="Dated more than 400 days before or a day after it arrived: not judged"
    )


class SchoolDetailOut(_Answer):
    """One school in the week shown."""

    week: str
    simulated: bool
    school: SchoolOut
    quiet: VerdictOut
    lesson: VerdictOut
    history: list[VerdictOut] = Field(description="Weeks that have ended, newest first")
    latest: list[ResultOut]
    failures: list[ResultOut]
    agent_health: str
    agent_seen_at: datetime | None


class FigureOut(_Answer):
    """How many schools meet one figure; the three add up to ``schools``."""

    met: int
    not_met: int
    undetermined: int
    share_ratio: float | None = Field(description="met / schools")


class BaselineOut(_Answer):
    """The survey, kept apart from measured verdicts."""

    met: int | None = Field(description="null: no survey was imported")
    surveyed: int
    share_ratio: float | None = Field(description="met / schools; null: no survey was imported")
    source: list[str]
    surveyed_on: list[str]


class GroupOut(_Answer):
    """The schools of one size band or region."""

    label: str
    schools: int
    pupils: int
    baseline_met: int | None = Field(description="null: no survey was imported of these schools")
    quiet: FigureOut
    lesson: FigureOut


class ComplianceOut(_Answer):
    """The city in one ISO week (Asia/Tokyo)."""

    week: str
    week_start: datetime
    week_end: datetime
    complete: bool = Field(description="Whether the week has ended")
    simulated: bool
    table_version: str
    schools: int
    pupils: int
    baseline: BaselineOut
    quiet: FigureOut
    lesson: FigureOut
    by_size_band: list[GroupOut]
    by_region: list[GroupOut]


class ErrorOut(_Answer):
    """Why a request was refused, and what to do."""

    detail: str
