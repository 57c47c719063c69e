"""The HTTP edge: ingest, enrolment, questions, health."""
