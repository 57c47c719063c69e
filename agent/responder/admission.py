"""Who may be measured against: a decision, not an action.

Without ``--open`` and without a key to check tokens with, nobody is admitted. Before
admission a responder sends nothing but a short refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one responder."""

    open_to_all: bool = False
    maximum_flows: int = 64

    def why_refused(self, headers: Mapping[str, str], running_flows: int) -> tuple[int, str] | None:
        """HTTP status and reason of a refusal, or None to admit.

        ``headers`` have lower-case names. The reason is one line of ASCII.
        """
        if not self.open_to_all:
            given = "authorization" in headers
            reason = (
                "this responder has no key to check tokens with; start it with --open in a lab"
                if given
                else "a token is wanted, and this responder was not started with --open"
            )
            return 403, reason
        if running_flows >= self.maximum_flows:
            return 503, f"busy: {running_flows} flows are running; try again later"
        return None
