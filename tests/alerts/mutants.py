"""The rules broken on purpose, one place at a time, and whether a planted incident notices.

Example: python -m tests.alerts.mutants            (make mutate-alerts; --only HakaruDnsSlow)
Prints each mutant that no incident notices and ends with 1 where there is one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.incidents import INCIDENTS, ORDER
from tests.alerts.told import RULES

MINUTES = {"m": 1, "h": 60}
PROCESSES = 2
Groups = dict[str, Any]
Put = Callable[[re.Match[str], str], tuple[str, str]]


@dataclass(frozen=True)
class Mutant:
    """One rule with one thing wrong."""

    rule: str
    what: str
    file: int
    """Which of ``RULES``."""
    group: int
    place: int
    changed: dict[str, Any]


@cache
def _read() -> str:
    return json.dumps([yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES])


def loaded() -> list[Groups]:
    """Every file, anew each time."""
    found: list[Groups] = json.loads(_read())
    return found


def mutants() -> Iterator[Mutant]:
    """Every rule with every single thing wrong that this knows."""
    for file, document in enumerate(loaded()):
        for group, one in enumerate(document["groups"]):
            for place, rule in enumerate(one["rules"]):
                name = rule.get("alert") or rule["record"]
                for what, changed in broken(rule):
                    yield Mutant(name, what, file, group, place, changed)


def broken(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A rule in all its broken forms, each with what was done to it."""
    for what, expr in expressions(rule["expr"]):
        yield what, rule | {"expr": expr}
    for key in ("for", "keep_firing_for"):
        if key in rule:
            minutes = int(rule[key][:-1]) * MINUTES[rule[key][-1]]
            longer = f"{minutes * 2 + 2}m"
            yield f"{key}: {longer} instead of {rule[key]}", rule | {key: longer}
            yield f"no {key}", {name: value for name, value in rule.items() if name != key}


def expressions(expr: str) -> Iterator[tuple[str, str]]:
    """An expression with one comparison, number, window, matcher or clause wrong."""

    def put(found: re.Match[str], text: str) -> tuple[str, str]:
        line = expr.count("\n", 0, found.start()) + 1
        return f"line {line}: {found[0].strip()!r} becomes {text!r}", (
            expr[: found.start()] + text + expr[found.end() :]
        )

    for found in re.finditer(r"(>=|>|<|==)( bool)? (\d+(?:\.\d+)?(?:e-?\d+)?)", expr):
        sign, flag, number = found[1], found[2] or "", float(found[3])
        if sign == "==":
            yield put(found, f"=={flag} {1 - number:g}")
            continue
        for factor in (0.5, 2.0) if number else ():
            other = round(number * factor) if number >= 3 else number * factor
            yield put(found, f"{sign}{flag} {other:g}")
        turned = {">=": "<", ">": "<=", "<": ">="}[sign]
        yield put(found, f"{turned}{flag} {number:g}")
    yield from _windows_and_clauses(expr, put)


def _windows_and_clauses(expr: str, put: Put) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"\[(\d+)([mh])\]", expr):
        minutes = int(found[1]) * MINUTES[found[2]]
        yield put(found, f"[{minutes * 2}m]")
        yield put(found, f"[{minutes // 3}m]")
    for found in re.finditer(r"\{[^}]*\}", expr):
        matchers = re.findall(r'\w+(?:=~|!~|!=|=)"[^"]*"', found[0])
        for one in matchers:
            left = ",".join(other for other in matchers if other != one)
            yield put(found, f"{{{left}}}" if left else "")
    for found in re.finditer(r"\s(unless|and) on ", expr):
        clause = expr[found.start() : _end_of_clause(expr, found.end())]
        yield f"no {clause.strip()!r}", expr.replace(clause, "", 1)
    for found in re.finditer(r"quantile_over_time\(0\.5", expr):
        yield put(found, "quantile_over_time(0.05")
        yield put(found, "quantile_over_time(0.95")
    for one, other in (
        ("max_over_time", "min_over_time"), ("min_over_time", "max_over_time"),
        ("min by", "max by"), ("avg", "max"), ("avg", "min"), ("sum_over_time", "count_over_time"),
        ("name, group", "name"),
    ):  # fmt: skip
        for found in re.finditer(rf"\b{one}\b", expr):
            yield put(found, other)


def _end_of_clause(expr: str, begin: int) -> int:
    """Where what began before ``begin`` ends: at its bracket, the next operator or the end."""
    depth = 0
    for place in range(begin, len(expr)):
        depth += {"(": 1, ")": -1}.get(expr[place], 0)
        if depth < 0 or (depth == 0 and re.match(r"\s(unless|and|or|\*) ", expr[place:])):
            return place
    return len(expr)


def references(expr: str) -> set[str]:
    """Series an expression reads, recorded or not; ``ALERTS``: those of every alert."""
    return set(re.findall(r"(?<![\w:])(?:hakaru[\w:]+|up\b|ALERTS\b(?!\{alertname=))", expr))


def named(documents: list[Groups]) -> dict[str, dict[str, Any]]:
    """Every rule by its name."""
    return {
        rule.get("alert") or rule["record"]: rule
        for document in documents
        for group in document["groups"]
        for rule in group["rules"]
    }


def read_by(rules: dict[str, dict[str, Any]], names: set[str]) -> set[str]:
    """Rules and series that these rules go by, and they themselves."""
    found, new = set(names), set(names)
    while new:
        new = {one for name in new & rules.keys() for one in references(rules[name]["expr"])}
        if "ALERTS" in new:
            new |= {name for name, rule in rules.items() if "alert" in rule}
        new -= found
        found |= new
    return found


@cache
def views(alerts: frozenset[str], series: frozenset[str]) -> list[str]:
    """The incidents as these alerts see them, in JSON, those first in which one is raised.

    Incidents that look alike to these alerts are one.
    """
    alike: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for incident in INCIDENTS:
        one = incident.document(alerts, series)
        del one["name"]
        asked = {
            kind: {json.dumps(test): test for test in one.pop(kind)}
            for kind in ("promql_expr_test", "alert_rule_test")
        }
        seen = alike.setdefault(json.dumps(one), {kind: {} for kind in asked})
        for kind, tests in asked.items():
            seen[kind].update(tests)
    tests = [
        json.loads(one) | {kind: list(tests.values()) for kind, tests in asked.items()}
        for one, asked in alike.items()
    ]
    tests.sort(key=lambda one: not any(asked["exp_samples"] for asked in one["promql_expr_test"]))
    return [json.dumps(one) for one in tests]


def is_red(documents: list[Groups], rule: str, folder: Path) -> bool:
    """Whether some incident is red with these rules, of which one may be broken.

    Only the alerts that go by the rule are asked for, with the rules and series which they go by,
    broken or not: what others say is the same.
    """
    rules, sound = named(documents), named(loaded())
    alerts = {
        name for name, one in sound.items() if "alert" in one and rule in read_by(sound, {name})
    }
    kept = read_by(rules, alerts) | read_by(sound, alerts)
    for document in documents:
        for group in document["groups"]:
            group["rules"] = [
                one for one in group["rules"] if (one.get("alert") or one["record"]) in kept
            ]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        files = [Path(own) / path.name for path in RULES]
        for path, document in zip(files, documents, strict=True):
            path.write_text(json.dumps(document), encoding="utf-8")
        asked = {
            "rule_files": [str(path) for path in files],
            "evaluation_interval": "2m",
            "group_eval_order": ORDER,
        }
        return any(
            _is_red(asked | {"tests": [json.loads(one)]}, Path(own) / "test.yml")
            for one in views(frozenset(alerts), frozenset(kept))
        )


def _is_red(asked: dict[str, Any], path: Path) -> bool:
    path.write_text(json.dumps(asked), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)],
        capture_output=True, text=True, timeout=900, check=False,
        env=os.environ | {"GOMAXPROCS": "1"},
    )  # fmt: skip
    if "could not parse" in (said := done.stdout + done.stderr):
        raise ValueError(f"not tried, promtool says: {said}")
    return done.returncode != 0


def noticed(mutant: Mutant, folder: Path) -> bool:
    """Whether some incident is red with it."""
    documents = loaded()
    documents[mutant.file]["groups"][mutant.group]["rules"][mutant.place] = mutant.changed
    return is_red(documents, mutant.rule, folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all mutants."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="*", default=[""], metavar="RULE", help="rules whose name begins so"
    )
    parser.add_argument("--list", action="store_true", help="say what would be tried")
    options = parser.parse_args(arguments)
    chosen = [one for one in mutants() if one.rule.startswith(tuple(options.only))]
    if options.list:
        print("\n".join(f"{one.rule}: {one.what}" for one in chosen))
        return 0
    alive = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(PROCESSES) as pool:
        folder = Path(name)
        rules = {one.rule for one in chosen}
        sound = [
            name for name, rule in named(loaded()).items() if "alert" in rule and name in rules
        ]
        red = pool.map(lambda rule: is_red(loaded(), rule, folder), sound)
        if wrong := [rule for rule, is_it in zip(sound, red, strict=True) if is_it]:
            print(f"red though nothing is broken, so nothing can be learnt: {', '.join(wrong)}")
            return 1
        tried = pool.map(lambda one: noticed(one, folder), chosen)
        for number, (mutant, seen) in enumerate(zip(chosen, tried, strict=True), 1):
            if not seen:
                alive.append(mutant)
                print(f"nobody notices: {mutant.rule}: {mutant.what}", flush=True)
            if number % 10 == 0:
                print(f"{number} of {len(chosen)} tried", file=sys.stderr, flush=True)
    print(f"{len(chosen)} mutants of {len(rules)} rules, {len(alive)} unnoticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
