"""The dashboard and the alerts: what they ask for exists in the metrics of a running gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.metrics.names import METRICS
from gateway.stores.base import HoldLimits
from tests.journeys.conftest import ROUTES
from tests.support.echo import Echo
from tests.support.processes import free_port, gateway
from tests.support.scraping import Scrape, scraped

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
GROUPS: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
RULES = [rule["expr"] for group in GROUPS for rule in group["rules"]]
NAME = re.compile(r"gateway_\w+")
LABELS = re.compile(r"by \(([^)]*)\)|\{([^}]*)\}")


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    admin = free_port()
    with Echo() as app:
        text = f'[admin]\nlisten = "127.0.0.1:{admin}"\n{ROUTES.format(upstream=app.url)}'
        with gateway(tmp_path_factory.mktemp("gate"), text, people={}):
            yield scraped(admin, lambda found: found("store_up") == 2)


@pytest.mark.parametrize("query", [*QUERIES, *RULES])
def test_every_metric_that_is_asked_for_exists_with_those_labels(query: str, scrape: Scrape) -> None:
    names = NAME.findall(query)
    assert names and set(names) <= scrape.names
    known = {"le", "instance"}
    for name in names:
        known |= set(METRICS[re.sub("_(bucket|count|sum)$", "", name)].labels)
    for grouped, selected in LABELS.findall(query):
        asked = [each.strip() for each in grouped.split(",")] + re.findall(r"(\w+)[=!]", selected)
        assert {label for label in asked if label} <= known, query


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {re.sub("_(bucket|count|sum)$", "", name) for query in QUERIES for name in NAME.findall(query)}
    assert shown == set(METRICS)


def test_panels_have_ids_of_their_own_and_places_where_no_other_is() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24
    for one, other in combinations(PANELS, 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (one["title"], other["title"])


def test_whoever_imports_it_says_which_prometheus_to_ask() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    asked = [panel["datasource"]["uid"] for panel in PANELS if "datasource" in panel]
    asked += [target["datasource"]["uid"] for panel in PANELS for target in panel.get("targets", [])]
    assert set(asked) == {"${datasource}"}
    used = set(re.findall(r"\$(?!__)(\w+)", " ".join(QUERIES)))
    assert used <= set(variables)


def test_the_limit_that_is_warned_of_is_the_one_there_is() -> None:
    [expression] = [rule for rule in RULES if "gateway_held_bytes" in rule]
    assert expression.endswith("> 0.8 * 256 * 1024 * 1024") and HoldLimits().total_bytes == 256 * 1024 * 1024


def test_alerts_have_names_of_their_own_and_say_what_is_wrong() -> None:
    rules = [rule for group in GROUPS for rule in group["rules"]]
    names = [rule["alert"] for rule in rules]
    assert len(set(names)) == len(names)
    for rule in rules:
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("warning", "critical") and rule["for"]
        used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
        assert used <= {each.strip() for each in (grouped[1] if grouped else "").split(",")}
