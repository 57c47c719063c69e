"""Topology: the devices of a school, how they hang together, where the agent sits."""
