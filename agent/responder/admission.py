"""Who may be measured against: a decision, not an action.

With ``--open`` everybody, with ``--collector-key`` holders of a slot token, else nobody. Before
admission a responder sends nothing but a short refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.responder.tokens import NotAdmitted, Tokens, Use

__all__ = ["Admission", "NotAdmitted", "Use"]


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one responder."""

    open_to_all: bool = False
    maximum_flows: int = 64
    tokens: Tokens | None = None

    def check_room(self, running_flows: int) -> None:
        """Raise :class:`NotAdmitted` where no further flow may run."""
        if running_flows >= self.maximum_flows:
            raise NotAdmitted(503, f"busy: {running_flows} flows are running; try again later")

    def admit(self, headers: Mapping[str, str], kind: str) -> Use | None:
        """Admit one flow or session; gives the use it draws on, None for one without bounds.

        ``headers`` have lower-case names, ``kind`` is one of :data:`wire.slot_token.KINDS`.
        Raises :class:`NotAdmitted`.
        """
        given = headers.get("authorization")
        if self.tokens is not None and given is not None:
            return self.tokens.admit(given, kind)
        if self.open_to_all:
            return None
        if self.tokens is not None:
            raise NotAdmitted(
                401,
                "a slot token is wanted: the collector gives one where it knows this responder by "
                "the test's target (hakaru-collector slot responder add)",
            )
        if given is not None:
            reason = "this responder has no key to check tokens with; start it with --open in a lab"
            raise NotAdmitted(403, reason)
        raise NotAdmitted(403, "a token is wanted, and this responder was not started with --open")
