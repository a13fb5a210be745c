"""The data_visualization block: pie, bar, line and area charts."""

from typing import Any

from sandbox.slack.validate.rules import Report, Rule, array, number, shape, string, tagged

LABEL = string(20)
POINTS_MAX = 20


def _points_have_categories(value: Any, at: str, report: Report) -> None:
    """Every series has one point for each category."""
    axis, series = value.get("axis_config"), value.get("series")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    if not isinstance(categories, list) or not isinstance(series, list):
        return
    wanted = [c for c in categories if isinstance(c, str)]
    for place, one in enumerate(series):
        data = one.get("data") if isinstance(one, dict) else None
        labels = [p.get("label") for p in data if isinstance(p, dict)] if isinstance(data, list) else wanted
        if labels != wanted:
            report.add(f"{at}/series/{place}/data", "labels must match the categories")


def _axis_chart() -> Rule:
    point = shape({"label": LABEL, "value": number()})
    series = shape({"name": LABEL, "data": array(point, POINTS_MAX, 1)})
    axis = shape({"categories": array(LABEL, POINTS_MAX, 1)}, {"x_label": string(50), "y_label": string(50)})
    return shape({"series": array(series, 12, 1), "axis_config": axis}, also=_points_have_categories)


CHART = tagged(
    {
        "pie": shape({"segments": array(shape({"label": LABEL, "value": number(above=0)}), 12, 1)}),
        "bar": _axis_chart(),
        "line": _axis_chart(),
        "area": _axis_chart(),
    }
)
DATA_VISUALIZATION = shape({"title": string(50), "chart": CHART}, {"block_id": string(255, low=0)})
