"""The centre on one machine: Docker Compose (docker-compose.yml) and the same from packages.

``python3 -m deploy.prepare`` makes secrets, ``python3 -m deploy.check`` names what is wrong before
anything starts: both need Python 3.11 alone. ``deploy.loopback`` is ``make stack``.
"""
