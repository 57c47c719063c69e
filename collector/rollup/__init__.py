"""Hourly and daily roll-ups: what outlives the raw results, recomputable from them exactly.

``figures`` says which values of a probe are kept, ``fold`` makes buckets (pure), ``rows`` asks
the database, ``keeper`` keeps the buckets up to date, ``check`` compares them with the raw results.
"""
