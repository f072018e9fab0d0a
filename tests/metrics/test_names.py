"""Every metric has a name that says what it is, and is in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.metrics.names import METRICS

DOCUMENT = (Path(__file__).parents[2] / "docs/deploy.md").read_text()


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_documented_with_its_labels(name: str) -> None:
    [line] = [line for line in DOCUMENT.splitlines() if line.startswith("|") and f"`{name}`" in line]
    labels = line.split("|")[2]
    assert [label for label in METRICS[name].labels if f"`{label}`" not in labels] == []


@pytest.mark.parametrize(("name", "metric"), METRICS.items())
def test_a_name_ends_as_its_kind_wants_it(name: str, metric) -> None:
    assert name.startswith("gateway_")
    assert name.endswith("_total") is (metric.kind == "counter")
    assert bool(metric.bounds) is (metric.kind == "histogram")
    assert list(metric.bounds) == sorted(metric.bounds)
