"""Revisions: what became of a week's verdicts after the week's report could be read.

A change never alerts: it is about the past. ``diff`` finds changes (pure), ``rows`` keeps them,
``save`` saves verdicts and what they changed in one transaction.
"""
