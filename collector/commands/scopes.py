"""Whom a command is for: ``--city``, ``--group``, ``--list`` or ``--school``."""

import argparse

from collector.commands.common import BadArguments
from collector.policy.model import CITY, Scope, ScopeKind


def add_scope(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the four options; one of them is to be given."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--city", action="store_true", help="every school")
    group.add_argument("--group", metavar="NAME", help="schools of an aggregation group")
    group.add_argument("--list", dest="named", metavar="NAME", help="schools of a named list")
    group.add_argument("--school", metavar="CODE", help="one school")


def scope_of(options: argparse.Namespace) -> Scope:
    """Give the scope that was named. Raises BadArguments."""
    found = scope_if_any(options)
    if found is None:
        raise BadArguments("name --city, --group NAME, --list NAME or --school CODE")
    return found


def scope_if_any(options: argparse.Namespace) -> Scope | None:
    """Give the scope that was named, None where none was."""
    for kind, name in (
        (ScopeKind.GROUP, getattr(options, "group", None)),
        (ScopeKind.LIST, getattr(options, "named", None)),
        (ScopeKind.SCHOOL, getattr(options, "school", None)),
    ):
        if name is not None:
            return Scope(kind, name)
    return CITY if getattr(options, "city", False) else None
