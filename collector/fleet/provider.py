"""What other subjects add to the reply of a heartbeat."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collector.store.interface import Agent
from wire.heartbeat import Heartbeat

Provider = Callable[[Agent, Heartbeat, datetime], Mapping[str, Any]]
"""Gives fields of :class:`wire.heartbeat.Reply`: ``policy``, ``suppress``, ``commands``,
``approvals``, ``identity``; an empty mapping where it has nothing to say. Called in a thread of its
own for each heartbeat, with the sender, what it said, and the collector's time."""
