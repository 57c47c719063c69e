"""The demonstration: a fictional city, a simulator of its measurements, and one real agent."""
