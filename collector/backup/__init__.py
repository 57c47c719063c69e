"""Copies of the database while it serves, and putting one back.

``identity`` names the database, so that agents notice a restored one and send again what it lost;
``manifest`` says what a copy holds; ``sqlite`` and ``postgres`` make and restore copies.
"""
