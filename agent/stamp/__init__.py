"""Simple Two-way Active Measurement Protocol (RFC 8762), unauthenticated mode, both ends.

``packet`` is the codec, ``quality`` asks the kernel how good this clock is, ``sockets`` sends and
receives with the kernel's time stamps, ``control`` is our admission, ``sessions`` what a
reflector decides, ``session`` what a sender does, ``books`` what its figures are. The
reflector's shell is :mod:`agent.responder.stamp`.

STAMP leaves open who may use a reflector. Ours answers only within a session that was admitted
over TCP, so that nobody is made to send packets to a forged address, and the same connection
brings the reflector's own counts at the end: that is what makes the loss of each direction exact.
Authenticated mode (HMAC, RFC 8762 section 4.4) is not spoken yet.
"""
