"""What would make a noisy alarm quieter."""

from __future__ import annotations

from typing import Any

from bot.models.digest import AlarmDetail, Firing
from bot.proposals import propose
from bot.signals import Alarm


def alarm(**values: Any) -> Alarm:
    return Alarm(name="cpu", **{"period": 60, "evaluation_periods": 1, "datapoints": 1, **values})


def proposal(detail: AlarmDetail, *, is_flapping: bool = False) -> tuple[str, int] | None:
    found = propose(detail, is_flapping=is_flapping)
    return (found.change, found.saves) if found else None


def firings(*lasted: float | None, flaps: int = 0, value: float | None = None) -> list[Firing]:
    return [Firing(each, flaps, value) for each in lasted]


def test_what_is_over_at_once_needs_more_datapoints() -> None:
    assert proposal(AlarmDetail(alarm(), firings(*[30] * 9, 900))) == (
        "2 of 3 datapoints instead of 1 of 1 (fires 1 min later)",
        9,
    )
    longer = AlarmDetail(alarm(), firings(*[100] * 9, 900))
    assert proposal(longer) == ("3 of 5 datapoints instead of 1 of 1 (fires 2 min later)", 9)


def test_no_proposal_wants_less_than_there_is() -> None:
    assert proposal(AlarmDetail(alarm(evaluation_periods=6, datapoints=6), firings(*[30] * 9))) is None


def test_what_is_not_known_is_not_proposed() -> None:
    assert proposal(AlarmDetail(alarm(period=None), firings(*[30] * 9))) is None
    assert proposal(AlarmDetail(alarm(), firings(*[9000] * 9))) is None
    assert proposal(AlarmDetail(alarm(), firings(*[None] * 9))) is None


def test_a_flapping_alarm_gets_a_longer_period() -> None:
    detail = AlarmDetail(alarm(), firings(*[9000] * 9, flaps=4))
    assert proposal(detail, is_flapping=True) == ("a period of 5 min instead of 1 min", 36)


def test_a_threshold_moves_to_where_the_worst_quarter_is() -> None:
    values = [Firing(9000, 0, 80.0 + number) for number in range(12)]
    detail = AlarmDetail(alarm(threshold=80, comparison=">", unit="%"), values)
    assert proposal(detail) == ("a threshold of 89 % instead of 80 %", 9)
    lower = AlarmDetail(
        alarm(threshold=80, comparison="<"), [one._replace(value=80 - n) for n, one in enumerate(values)]
    )
    assert proposal(lower) == ("a threshold of 72 instead of 80", 8)


def test_no_threshold_moves_far() -> None:
    values = [Firing(9000, 0, 1000.0)] * 12
    assert proposal(AlarmDetail(alarm(threshold=80, comparison=">"), values)) is None
    assert proposal(AlarmDetail(alarm(threshold=0, comparison=">"), values)) is None
