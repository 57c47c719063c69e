"""The rules broken on purpose, one place at a time, and whether a planted incident notices.

Example: python -m tests.alerts.mutants            (make mutate-alerts; --only HakaruDnsSlow)
Prints each mutant that no incident notices and ends with 1 where there is one.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.incidents import INCIDENTS
from tests.alerts.test_incidents import ORDER, RULES

MINUTES = {"m": 1, "h": 60}
Groups = dict[str, Any]
Put = Callable[[re.Match[str], str], tuple[str, str]]


@dataclass(frozen=True)
class Mutant:
    """One rule with one thing wrong."""

    rule: str
    what: str
    file: int
    """0: recording, 1: alerting."""
    group: int
    place: int
    changed: dict[str, Any]


def loaded() -> list[Groups]:
    """Both files."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]


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
    for found in re.finditer(
        r"\s(unless|and) on \(\w*(, \w+)?\) [^)\s]*(\([^)]*\))?( == \d)?", expr
    ):
        if expr[: found.start()].count("(") == expr[: found.start()].count(")"):
            yield put(found, "")
    for found in re.finditer(r"quantile_over_time\(0\.5", expr):
        yield put(found, "quantile_over_time(0.05")
        yield put(found, "quantile_over_time(0.95")
    for one, other in (
        ("max_over_time", "min_over_time"), ("min_over_time", "max_over_time"),
        ("min by", "max by"), ("avg", "max"), ("avg", "min"), ("sum_over_time", "count_over_time"),
    ):  # fmt: skip
        for found in re.finditer(rf"\b{one}\b", expr):
            yield put(found, other)


def noticed(mutant: Mutant, folder: Path) -> bool:
    """Whether some incident is red with it."""
    documents = loaded()
    documents[mutant.file]["groups"][mutant.group]["rules"][mutant.place] = mutant.changed
    alone = mutant.rule if "alert" in mutant.changed else ""
    if alone:  # what other alerts do is the same: they are left out
        for group in documents[1]["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule["alert"] == alone]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        files = [Path(own) / path.name for path in RULES]
        for path, document in zip(files, documents, strict=True):
            path.write_text(json.dumps(document), encoding="utf-8")
        asked = {
            "rule_files": [str(path) for path in files],
            "evaluation_interval": "2m",
            "group_eval_order": ORDER,
            "tests": [incident.document(alone) for incident in INCIDENTS],
        }
        test = Path(own) / "test.yml"
        test.write_text(json.dumps(asked), encoding="utf-8")
        done = subprocess.run(
            ["promtool", "test", "rules", str(test)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    return done.returncode != 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all mutants."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="RULE", help="rules whose name begins so")
    parser.add_argument("--list", action="store_true", help="say what would be tried")
    options = parser.parse_args(arguments)
    chosen = [one for one in mutants() if one.rule.startswith(options.only)]
    if options.list:
        print("\n".join(f"{one.rule}: {one.what}" for one in chosen))
        return 0
    alive = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        tried = pool.map(lambda one: noticed(one, Path(folder)), chosen)
        for mutant, seen in zip(chosen, tried, strict=True):
            if not seen:
                alive += 1
                print(f"nobody notices: {mutant.rule}: {mutant.what}", flush=True)
    print(f"{len(chosen)} mutants of {len({one.rule for one in chosen})} rules, {alive} unnoticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
