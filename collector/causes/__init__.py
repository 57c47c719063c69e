"""Cause finding: from all evidence of one school to the segment, the cause, whose job, how sure."""
