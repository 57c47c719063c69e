"""What a sample misses: exact hypergeometric probabilities, in rational numbers.

Of N schools K have a fault, n are looked at, drawn at random: none of the K is among them with
probability C(N - K, n) / C(N, n). A stratum is a small city of its own: a proposed sample draws
within each. A list that a person picked was not drawn, so for it these are what a random draw of as
many would miss, not a promise; whoever picks the schools where faults are known finds those, and
learns nothing of how common they are.
"""

from fractions import Fraction
from math import comb
from typing import Final

FOUND_MOSTLY: Final = Fraction(95, 100)
SHOWN_FAULTY: Final = (1, 2, 4, 8, 16, 32)
"""Numbers of schools with a fault for which the chance is shown."""


def missed(schools: int, faulty: int, looked_at: int) -> Fraction:
    """Give the chance that none of ``faulty`` schools is among ``looked_at`` of ``schools``.

    Raises ValueError where the numbers do not fit into each other.
    """
    if not (0 <= faulty <= schools and 0 <= looked_at <= schools):
        raise ValueError(
            f"found {faulty} faulty and {looked_at} looked at of {schools} schools: "
            "allowed are 0 to all of them"
        )
    return Fraction(comb(schools - faulty, looked_at), comb(schools, looked_at))


def fewest_found(schools: int, looked_at: int, at_least: Fraction = FOUND_MOSTLY) -> int | None:
    """Give the fewest faulty schools of which one is found with this chance; None: never."""
    if looked_at == 0:
        return None
    low, high = 0, schools
    while low < high:
        middle = (low + high) // 2
        if 1 - missed(schools, middle, looked_at) >= at_least:
            high = middle
        else:
            low = middle + 1
    return low


def a_quarter_of(schools: int) -> int:
    """Give a quarter, rounded up: the fault that strata are asked about."""
    return -(-schools // 4)
