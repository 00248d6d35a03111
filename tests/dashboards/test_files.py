"""What is exported is sound: it asks for what there is, and fires when it must."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.dashboards.alerts import ALERTS
from reconciler.dashboards.files import files
from reconciler.dashboards.grafana import dashboard_json, here
from reconciler.dashboards.pages import DASHBOARDS
from reconciler.metrics.families import GROUPS, Family

from .cases import CASES
from .picture.shop import SPECS
from .promtool import fire_all, said

ROOT = Path(__file__).parents[2]
KNOWN = {one.name: one for group in GROUPS.values() for one in group}
FROM_PROMETHEUS = frozenset({"instance", "job", "le", "alertname", "alertstate"})
SERIES = re.compile(r"\breconciler_\w+")
LABELS = re.compile(r"(\w+)\s*=~?\s*\"|by \(([^)]*)\)")


def expressions() -> Iterator[tuple[str, str]]:
    """Every query of every panel and every alert, by what it belongs to."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels():
            for query in panel.queries:
                yield f"{dashboard.uid}: {panel.title}", query.expr
        for variable in dashboard.variables:
            yield (
                f"{dashboard.uid}: ${variable.name}",
                f"sum by ({variable.label}) ({variable.series})",
            )
    for alert in ALERTS:
        yield alert.name, alert.expr


def unknown(known: dict[str, Family]) -> list[str]:
    """What is asked for and is not there, be it a series or a label."""
    found = []
    for where, expr in expressions():
        names = [
            re.sub(r"_(bucket|sum|count)$", "", one) if one not in known else one
            for one in SERIES.findall(expr)
        ]
        found += [f"{where}: {one}" for one in names if one not in known]
        own = {label for name in names if name in known for label in known[name].labels}
        used = {
            label.strip()
            for one, many in LABELS.findall(expr)
            for label in (one, *many.split(","))
            if label.strip()
        }
        found += [f"{where}: {one}" for one in used - own - FROM_PROMETHEUS if "ALERTS" not in expr]
    return found


def test_every_query_asks_for_what_there_is() -> None:
    """Each series and each label stands in the catalogue of metrics."""
    assert unknown(KNOWN) == []


@pytest.mark.parametrize("name", sorted({n for _, e in expressions() for n in SERIES.findall(e)}))
def test_a_renamed_metric_is_noticed(name: str) -> None:
    """Whichever metric that a dashboard or an alert uses is renamed: the check above is red."""
    name = name if name in KNOWN else re.sub(r"_(bucket|sum|count)$", "", name)
    renamed = {f"{name}_now" if one == name else one: family for one, family in KNOWN.items()}
    assert [one for one in unknown(renamed) if one.endswith(f": {name}")]


def test_a_renamed_label_is_noticed() -> None:
    """The same for a label."""
    one = KNOWN["reconciler_process_restarts_by_cause_total"]
    renamed = {**KNOWN, one.name: one._replace(labels=("name", "why"))}
    assert [found for found in unknown(renamed) if found.endswith(": cause")]


def test_every_fact_is_shown_somewhere() -> None:
    """A metric that no dashboard and no alert uses was forgotten, but for the few named here."""
    used = {name for _, expr in expressions() for name in SERIES.findall(expr)}
    used |= {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    spare = {
        "reconciler_operator_process_virtual_memory_bytes",
        "reconciler_operator_process_max_fds",
    }
    assert KNOWN.keys() - used == spare


def test_what_is_committed_is_what_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever edits a file in grafana/ is told where it comes from."""
    words = ["dashboards", "export", "--check", "--to", str(ROOT / "grafana")]
    assert run(words) == 0, capsys.readouterr().err


def test_an_export_goes_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alerts then lead to pages of one's own; an old file is found."""
    words = ["dashboards", "export", "--to", str(tmp_path / "new"), "--runbooks", "https://x/y/"]
    assert run(words) == 0
    written = (tmp_path / "new/alerts/reconciler.yml").read_text()
    assert "runbook_url: 'https://x/y/ReconcilerDown.md'" in written
    assert run([*words, "--check"]) == 0
    (tmp_path / "new/prometheus.yml").write_text("")
    (tmp_path / "new/dashboards/old.json").write_text("{}")
    assert run([*words, "--check"]) == 1
    told = capsys.readouterr().err
    assert "prometheus.yml is not" in told
    assert "old.json is not" in told


def test_promtool_is_content(tmp_path: Path) -> None:
    """With the rules, with the configuration, and with every query of every panel."""
    for name, text in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said("check", "rules", tmp_path / "alerts/reconciler.yml")
    said("check", "config", tmp_path / "prometheus.yml")
    rules = [
        {"record": f"panel:{number}", "expr": _filled(expr)}
        for number, (_, expr) in enumerate(expressions())
    ]
    # JSON is YAML.
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))
    said("check", "rules", tmp_path / "panels.yml")


def test_the_example_is_sound(tmp_path: Path) -> None:
    """Its specs are valid, and Prometheus and Alertmanager read its files."""
    example = ROOT / "examples" / "monitoring"
    shutil.copytree(example / "specs", tmp_path / "specs")
    assert run(["validate", "--specs", str(tmp_path / "specs")]) == 0
    said("check", "config", example / "prometheus.yml")
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("prometheus-alertmanager is not here: its file is not checked")
    subprocess.run([amtool, "check-config", example / "alertmanager.yml"], check=True)


def test_the_stack_of_the_picture_is_sound(tmp_path: Path) -> None:
    """What scripts/picture runs can be read."""
    ports = SPECS.replace("GATEWAY", "1").replace("WEB", "2").replace("API", "3")
    (tmp_path / "all.yaml").write_text(ports)
    assert run(["validate", "--specs", str(tmp_path)]) == 0


def _filled(expr: str) -> str:
    return here(expr).replace("$__rate_interval", "1m").replace("$", "")


@pytest.mark.timeout(300)
def test_every_alert_fires_and_only_then(tmp_path: Path) -> None:
    """Each is told when it must be, and not when all is well."""
    assert CASES.keys() == {alert.name for alert in ALERTS}
    fire_all(tmp_path, CASES)


def test_a_case_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    """The test above would be red."""
    case = CASES["ReconcilerDown"]
    with pytest.raises(AssertionError, match="FAILED"):
        fire_all(tmp_path, {"ReconcilerDown": case._replace(series=case.well)})


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one.name)
def test_every_alert_has_a_page(alert: Any) -> None:
    """In both languages, with its name, its severity and its question to Prometheus."""
    for language in ("en", "zh"):
        page = (ROOT / "docs" / language / "runbooks" / f"{alert.name}.md").read_text()
        assert page.startswith(f"# {alert.name}\n")
        assert f"```promql\n{alert.expr}\n```" in page
    assert {one.severity for one in ALERTS} == {"critical", "warning", "info"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
def test_panels_have_room(dashboard: Any) -> None:
    """None lies over another, none is wider than the page, each has an id of its own."""
    taken: set[tuple[int, int]] = set()
    panels = dashboard_json(dashboard)["panels"]
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_pages_have_addresses_of_their_own() -> None:
    """Grafana goes by the uid."""
    assert len({one.uid for one in DASHBOARDS}) == len(DASHBOARDS)
