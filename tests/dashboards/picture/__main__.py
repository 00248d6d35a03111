"""Draws a dashboard of a stack under load: `python -m tests.dashboards.picture` (scripts/picture).

The numbers are real: a stack runs, a Prometheus scrapes it every second, and each panel is asked
for by the query of the dashboard that is shipped. Grafana's own components draw them in a browser.
No Grafana server takes part.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from ..monitored import Prometheus, monitored, prometheus
from ..npm import CACHE, fetched
from . import shop

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
BOARDS: Final = ["reconciler-overview", "reconciler-gateway"]
WIDTH: Final = 1280
SCALE: Final = 1.5
RATE: Final = "30s"
STEP: Final = 2
PRODUCTION: Final = '--define:process.env.NODE_ENV="production"'
BROWSER: Final = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def filled(expr: str) -> str:
    """A query as Grafana sends it with everything chosen."""
    asked = expr.replace("$__rate_interval", RATE).replace("$instance", ".*")
    assert "$" not in asked, asked
    return asked


def answers(watching: Prometheus, board: dict[str, Any], since: float) -> dict[str, Any]:
    """What every panel shows, by its id: series for each query."""
    now = time.time()
    times = {"start": f"{since:.0f}", "end": f"{now:.0f}", "step": str(STEP)}
    found = {}
    for panel in board["panels"]:
        asked = [(one.get("instant"), filled(one["expr"])) for one in panel.get("targets", ())]
        found[panel["id"]] = [
            watching.found(expr) if instant else watching.ask("query_range", query=expr, **times)
            for instant, expr in asked
        ]
    return {"board": board, "answers": found, "from": since * 1000, "to": now * 1000}


def lived(boards: list[str], seconds: float) -> list[dict[str, Any]]:
    """What the dashboards show after a stack has run for so many seconds."""
    files = {"app.py": shop.APP, "worker.py": shop.WORKER}
    with (
        monitored(specs=shop.SPECS, files=files) as stack,
        prometheus(stack) as watching,
        shop.visitors(stack),
    ):
        time.sleep(float(RATE[:-1]))  # rates need a past
        since = time.time()
        shop.bad_day(stack, seconds)
        read = [json.loads((ROOT / "grafana/dashboards" / f"{b}.json").read_text()) for b in boards]
        return [answers(watching, one, since) for one in read]


def draw(data: dict[str, Any], to: Path) -> None:
    """Bundle the page, look at it in a browser, and make the picture small."""
    place = fetched(HERE / "page", "picture")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        page = Path(folder)
        for one in (HERE / "page").iterdir():
            shutil.copy(one, page)
        bundler = [str(place / "node_modules/.bin/esbuild"), "main.jsx", "--bundle", "--minify"]
        bundler += ["--outfile=bundle.js", "--loader:.svg=dataurl", "--loader:.ttf=empty"]
        bundler += ["--jsx=automatic", "--log-level=error", PRODUCTION]
        subprocess.run(bundler, cwd=page, check=True)
        (page / "data.js").write_text(f"window.shown = {json.dumps(data)};\n")
        rows = [one["gridPos"] for one in data["board"]["panels"]]
        high = 38 * max(one["y"] + one["h"] for one in rows) + 64
        picture = page / "picture.png"
        words = [f"--screenshot={picture}", f"--window-size={WIDTH},{high}"]
        words += [f"--force-device-scale-factor={SCALE}", "--virtual-time-budget=20000"]
        words += [f"--user-data-dir={page}/browser", f"file://{page}/index.html"]
        subprocess.run(["chromium", *BROWSER, *words], check=True, stderr=subprocess.DEVNULL)
        to.parent.mkdir(parents=True, exist_ok=True)
        small = ["pngquant", "--force", "--speed=1", "--output", str(to), "128", str(picture)]
        subprocess.run(small, check=True)


def main() -> None:
    """Run a stack and draw it, or draw again what was kept of the last run."""
    asked = argparse.ArgumentParser(prog="scripts/picture", description=__doc__)
    asked.add_argument("boards", nargs="*", default=BOARDS)
    asked.add_argument("--seconds", type=float, default=300, help="how long the stack runs")
    asked.add_argument("--again", action="store_true", help="draw the last run again")
    asked.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures")
    given = asked.parse_args()
    kept = CACHE / "picture.json"
    if not given.again:
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(lived(given.boards, given.seconds)))
    for data in json.loads(kept.read_text()):
        name = data["board"]["uid"].removeprefix("reconciler-")
        draw(data, given.to / f"{name}.png")
        sys.stdout.write(f"{given.to / name}.png\n")


if __name__ == "__main__":
    main()
