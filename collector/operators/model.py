"""An operator and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What an operator may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    """Read every page."""
    OPERATOR = "operator"
    """Steer measuring: schools, agents, policies, rehearsals."""
    ADMINISTRATOR = "administrator"
    """Also operators and the audit log."""

    def covers(self, other: "Role") -> bool:
        """Say whether this role may do what ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Someone who signs in. The hash of the password is not in here."""

    operator_id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    """False: only the identity provider signs them in."""
    must_change: bool = False
    """Somebody else knows the password: it opens nothing but the page that changes it."""
