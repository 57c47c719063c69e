"""``make stack``: the services of docker-compose.yml from Debian packages, on loopback.

The commands are read from docker-compose.yml and the configuration files are those it mounts; what
is an address or a folder of a container there becomes one of this machine (:mod:`.places`). Nothing
here is for use in earnest: one user runs all of it, and PostgreSQL alone has one of its own.
"""
