"""A school with many agents in a database, for whoever delivers to a real collector."""

import hashlib
from datetime import UTC, datetime, timedelta

from collector.schools.model import Kind, Line, School
from collector.store import create_store
from wire.ids import uuid4

START = datetime(2026, 5, 11, tzinfo=UTC)


def token(number: int) -> str:
    """The token of one agent."""
    return f"the-token-of-agent-{number:04d}"


def prepare(url: str, agents: int) -> None:
    """Make a school and an agent for each number below ``agents``, with :func:`token`."""
    store = create_store(url)
    store.import_schools(
        [
            School(
                code="A1",
                name="A1",
                kind=Kind.ELEMENTARY,
                region="north",
                pupils=300,
                line=Line.OTHER,
                contracted_mbps=None,
                sample=False,
                latitude=None,
                longitude=None,
                aggregation_group="",
            )
        ]
    )
    for number in range(agents):
        store.add_enrolment_code("A1", f"code {number}", START + timedelta(days=9))
        store.enrol(
            code_sha256=f"code {number}",
            agent_id=uuid4(number + 1),
            token_sha256=hashlib.sha256(token(number).encode()).hexdigest(),
            now=START,
        )
    store.close()
