"""Judging: pure functions of measurements, criteria, pupils and calendar. No clock, no store."""
