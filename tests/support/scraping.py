"""What Prometheus would see of a gateway."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, frozenset[tuple[str, str]]]


class Scrape:
    """One answer of `/metrics`."""

    def __init__(self, port: int) -> None:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            self.text = answer.read().decode()
        self.series: dict[Series, float] = {}
        self.names: set[str] = set()
        for family in text_string_to_metric_families(self.text):
            self.names |= {family.name + ("_total" if family.type == "counter" else "")}
            self.names |= {sample.name for sample in family.samples}
            for sample in family.samples:
                self.series[sample.name, frozenset(sample.labels.items())] = sample.value

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels, 0 where there is none."""
        found = [
            value
            for (each, its), value in self.series.items()
            if each == f"gateway_{name}" and labels.items() <= dict(its).items()
        ]
        return sum(found)

    def values(self, label: str) -> set[str]:
        """Everything that label says, in any metric of ours."""
        return {
            value
            for (name, labels) in self.series
            for key, value in labels
            if key == label and name.startswith("gateway_")
        }


def scraped(port: int, true: Callable[[Scrape], bool], *, within: float = 20.0) -> Scrape:
    """The first scrape of which `true` is; workers write down what they counted once a second."""
    deadline = time.monotonic() + within
    while True:
        found = Scrape(port)
        if true(found):
            return found
        assert time.monotonic() < deadline, found.text
        time.sleep(0.1)


def status(port: int, path: str, method: str = "GET") -> int:
    """Of an answer of the admin address."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()
