"""What agents and the collector say to each other. Standard library only.

A :class:`~wire.measurement.Measurement` is the one record everything else is about; the
vocabulary of failures, the units, the identifiers and the JSON form stand in the modules
beside it. Words follow RFC 7594 (LMAP).
"""

__version__ = "0.1.0"
"""Release of agent, collector and wire, which are one distribution."""
