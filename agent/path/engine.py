"""What a trace needs of whoever sends its probes and listens for answers."""

from types import TracebackType
from typing import Protocol, Self

from agent.path.replies import Event
from agent.path.trace import Probe


class Engine(Protocol):
    """Sends probes, hands over what happens."""

    at_once: int
    """Probes that may be unanswered at a time."""
    words: str
    """How it does it, for the context of the result."""

    def send(self, probe: Probe) -> None:
        """Send one probe; what becomes of it is handed over by :meth:`poll`."""
        ...

    def poll(self, timeout_seconds: float) -> list[Event]:
        """Wait up to ``timeout_seconds`` and give what has come, possibly nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class NotHere(Exception):
    """This engine cannot work on this machine; ``what_to_do`` says how it could."""

    def __init__(self, why: str, what_to_do: str) -> None:
        self.why = why
        self.what_to_do = what_to_do
        super().__init__(f"{why}: {what_to_do}")
