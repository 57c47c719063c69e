"""Results out to time-series stores, with the times at which they were measured.

``series`` makes samples of results (pure), ``protobuf`` and ``request`` the bytes of one write,
``answer`` decides what a reply means (pure), ``cursor`` remembers in the database what was
written, ``sender`` writes one page whatever the other side refuses of it, ``worker`` is the
thread beside serving.
"""
