"""What Grafana wants to read of a dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .panel import Dashboard, Panel, Query, Variable

Json = dict[str, Any]

SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
HERE: Final = 'instance=~"$instance"'
SINCE: Final = "reconciler_spec_revision_timestamp_seconds"
COLUMNS: Final = 24
SCHEMA: Final = 39
_SERIES: Final = re.compile(r"\b(reconciler_\w+|ALERTS)(\{[^}]*\})?")


def here(expr: str) -> str:
    """The same of the chosen instances alone."""

    def narrowed(hit: re.Match[str]) -> str:
        own = (hit[2] or "{}")[1:-1]
        return f"{hit[1]}{{{', '.join(part for part in (HERE, own) if part)}}}"

    return _SERIES.sub(narrowed, expr)


def dashboard_json(dashboard: Dashboard) -> Json:
    """As Grafana imports it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.text,
        "tags": ["reconciler", "generated"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), *map(_variable, _all_variables(dashboard))]},
        "annotations": {"list": [_deploys()]},
        "links": [_link()],
        "panels": list(_placed(dashboard)),
    }


def _all_variables(dashboard: Dashboard) -> Iterator[Variable]:
    yield Variable("instance", "reconciler_build_info", "instance")
    yield from dashboard.variables


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "default", "value": "default"},
    }


def _variable(one: Variable) -> Json:
    own = one.series if one.name == "instance" else here(one.series)
    query = f"label_values({own}, {one.label})"
    every = {"text": "All", "value": "$__all"}
    return {
        "name": one.name,
        "label": one.name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": one.name},
        "refresh": 2,
        "sort": 1,
        "multi": one.every,
        "includeAll": one.every,
        **({"current": every} if one.every else {}),
    }


def _deploys() -> Json:
    """A mark where another revision of the specs came into use."""
    return {
        "name": "Revisions",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "target": {"refId": "Anno", "expr": f"{here(SINCE)} * 1000", "interval": "60s"},
        "titleFormat": "Revision {{revision}}",
        "useValueForTime": "on",
    }


def _link() -> Json:
    return {
        "title": "reconciler",
        "type": "dashboards",
        "tags": ["reconciler"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _placed(dashboard: Dashboard) -> Iterator[Json]:
    """Panels from left to right, under the heading of their row."""
    number, top = 1, 0
    for row in dashboard.rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        number, top, left, high = number + 1, top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, high = 0, top + high, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield panel_json(panel, number, place)
            number, left, high = number + 1, left + panel.width, max(high, panel.height)
        top += high


def panel_json(panel: Panel, number: int, place: Json) -> Json:
    """One panel, where it stands."""
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": OPTIONS[panel.kind],
        **(_rows(panel) if panel.kind == "table" else {}),
    }


def _rows(panel: Panel) -> Json:
    """A line for each series without the moment of asking; what has names, the worst first."""
    one_table = {"id": "merge", "options": {}}
    no_time = {"id": "organize", "options": {"excludeByName": {"Time": True}}}
    first = [{"displayName": "Value", "desc": False}] if panel.names else []
    return {
        "transformations": [one_table, no_time],
        "options": {**OPTIONS["table"], "sortBy": first},
    }


def _target(panel: Panel, query: Query, index: int) -> Json:
    is_table = panel.kind == "table"
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": here(query.expr),
        "legendFormat": query.legend or "__auto",
        "range": not is_table,
        "instant": is_table,
        **({"format": "table"} if is_table else {}),
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.bad is not None:
        steps.append({"color": "red", "value": panel.bad})
    mapped = {
        value: {"text": name, "index": n} for n, (value, name) in enumerate(panel.names.items())
    }
    return {
        "unit": panel.unit,
        "mappings": [{"type": "value", "options": mapped}] if mapped else [],
        "thresholds": {"mode": "absolute", "steps": steps},
        **({"custom": _drawn(panel)} if panel.kind == "timeseries" else {}),
    }


def _drawn(panel: Panel) -> Json:
    return {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if panel.names else "linear",
        "lineWidth": 1,
        "fillOpacity": 10,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
    }


OPTIONS: Final[Mapping[str, Json]] = {
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
            "sortBy": "Last *",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}
