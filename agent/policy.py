"""The policy of the centre on this appliance: checked, kept on disk, laid over agent.toml.

What is not valid here changes nothing: the last good policy stays in force, also over a restart,
and the next heartbeat says why. ``[allow]`` of agent.toml has the last word on targets, local
budgets, closed days and blackouts hold beside those of the policy.
"""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.allowed import Allowed, why_not_tests
from agent.config import Config
from agent.state import write_json
from wire.heartbeat import PolicyOffer, PolicyReport, PolicyState
from wire.planning.cost import Budget
from wire.policy import MAX_POLICY_BYTES, Policy, PolicyRefused, parse, read, sha256_of

log: Final = logging.getLogger(__name__)

POLICY_FILE: Final = "policy.json"
MAX_REPORT_CHARACTERS: Final = 255
OWN_WORD: Final = 'this appliance goes by its own agent.toml ([policy] source = "local")'


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy that this agent goes by."""

    version: str
    policy: Policy


class PolicyKeeper:
    """Takes policies from the collector and keeps the last good one."""

    def __init__(self, path: Path, allowed: Allowed, *, local: bool = False) -> None:
        self._path = path
        self._allowed = allowed
        self._local = local
        self._rejected = ""
        self._rejected_offer: PolicyOffer | None = None
        self.in_force: InForce | None = None if local else self._load()

    def hear(self, offer: PolicyOffer) -> bool:
        """Take an offer; True where another policy is in force from now on."""
        if self._local or offer == self._rejected_offer:
            return False
        if self.in_force is not None and self.in_force.version == offer.version:
            self.is_current()
            return False
        try:
            policy = self._read(offer)
            kept = {"version": offer.version, "sha256": offer.sha256, "document": offer.document}
            write_json(self._path, kept, durable=True)
        except PolicyRefused as error:
            self._reject(offer, error.mistakes)
            return False
        except OSError as error:
            self._reject(offer, [f"it cannot be kept on this appliance: {error.strerror}"])
            self._rejected_offer = None  # there may be room the next time
            return False
        self.is_current()
        self.in_force = InForce(offer.version, policy)
        log.info("policy %s is in force: %d tests", offer.version, len(policy.tests))
        return True

    def is_current(self) -> None:
        """The collector offers nothing else: what was rejected before is off the table."""
        self._rejected, self._rejected_offer = "", None

    def report(self) -> PolicyReport:
        """What the next heartbeat says."""
        version = None if self.in_force is None else self.in_force.version
        if self._local:
            return PolicyReport(state=PolicyState.NONE, text=OWN_WORD)
        if self._rejected:
            return PolicyReport(state=PolicyState.REJECTED, version=version, text=self._rejected)
        state = PolicyState.NONE if version is None else PolicyState.IN_FORCE
        return PolicyReport(state=state, version=version)

    def _read(self, offer: PolicyOffer) -> Policy:
        try:
            found = sha256_of(offer.document)
        except UnicodeEncodeError:
            raise PolicyRefused(["policy: found a lone surrogate, allowed is UTF-8 text"]) from None
        if found != offer.sha256:
            raise PolicyRefused(["sha256: the document is not what it is said to be"])
        policy = read(parse(offer.document))
        if denied := why_not_tests(policy.tests, self._allowed):
            raise PolicyRefused(denied)
        return policy

    def _reject(self, offer: PolicyOffer, mistakes: "tuple[str, ...] | list[str]") -> None:
        stays = "agent.toml" if self.in_force is None else self.in_force.version
        log.warning("policy %s rejected, %s stays: %s", offer.version, stays, "; ".join(mistakes))
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        text = f"{offer.version}: {mistakes[0]}"
        plain = "".join(char if char.isprintable() else " " for char in text)
        self._rejected = plain[: MAX_REPORT_CHARACTERS - len(more)] + more
        self._rejected_offer = offer

    def _load(self) -> InForce | None:
        try:
            with self._path.open("rb") as file:
                kept = json.loads(file.read(4 * MAX_POLICY_BYTES))
            offer = PolicyOffer(
                version=str(kept["version"]),
                sha256=str(kept["sha256"]),
                document=str(kept["document"]),
            )
            return InForce(offer.version, self._read(offer))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            self._rejected = f"the policy kept on this appliance cannot be used: {error}"
            self._rejected = self._rejected.replace("\n", "; ")[:MAX_REPORT_CHARACTERS]
            log.warning("%s: %s", self._path, self._rejected)
            return None


def applied(config: Config, policy: Policy) -> Config:
    """What the agent goes by: the policy's tests, agent.toml's own limits beside them."""
    return replace(
        config,
        tests=policy.tests,
        central=True,
        zone=policy.zone,
        budget=Budget(
            day_bytes=_less(config.budget.day_bytes, policy.budget.day_bytes),
            month_bytes=_less(config.budget.month_bytes, policy.budget.month_bytes),
            fastest_bps=min(config.budget.fastest_bps, policy.budget.fastest_bps),
        ),
        line=replace(
            config.line,
            busy_above_bps=policy.busy_above_bps or config.line.busy_above_bps,
            busy_retries=config.line.busy_retries
            if policy.busy_retries is None
            else policy.busy_retries,
        ),
        closed=(*config.closed, *policy.closed),
        blackouts=(*config.blackouts, *policy.blackouts),
    )


def _less(first: int | None, second: int | None) -> int | None:
    given = [limit for limit in (first, second) if limit is not None]
    return min(given, default=None)
