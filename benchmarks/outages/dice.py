"""Chance, by a seeded generator."""

from __future__ import annotations

import random
from math import exp


def grown(factor: float, part: float) -> float:
    return 1 + (factor - 1) * part


def poisson(dice: random.Random, mean: float) -> int:
    if mean > 40:
        return max(0, round(dice.gauss(mean, mean**0.5)))
    limit, count, product = exp(-max(mean, 0.0)), 0, dice.random()
    while product > limit:
        count, product = count + 1, product * dice.random()
    return count


def binomial(dice: random.Random, tries: int, chance: float) -> int:
    if tries > 200:
        mean = tries * chance
        found = poisson(dice, mean) if chance < 0.2 else round(dice.gauss(mean, (mean * (1 - chance)) ** 0.5))
        return min(tries, max(0, found))
    return sum(dice.random() < chance for _ in range(tries))


def logged(dice: random.Random, failures: int) -> int:
    """Nine in ten leave a line."""
    return binomial(dice, failures, 0.9)
