"""`/metrics`, answered by the process that `gateway serve` is, for all of its workers.

One thread listens, and each scrape has a thread of its own; none of them touches a request.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gateway.errors import GatewayError
from gateway.metrics.names import METRICS, Metric
from gateway.metrics.snapshots import Reader, Sum

HINT = b"Metrics are at /metrics\n"
SLOWEST = 10
"""Seconds that a client may take to say what it wants."""

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@contextmanager
def answering(listening: socket.socket, *, version: str, workers: int) -> Iterator[Path]:
    """Answer on that socket until the end of the block; the folder where workers leave their numbers.

    A single worker is this very process, and what there is to say of a process is said of it too. Raises GatewayError.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="gateway-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise GatewayError(f"metrics need a folder for temporary files: {error.strerror}") from error
    with folder as name:
        registry = CollectorRegistry()
        registry.register(Numbers(Reader(Path(name)), version))
        if workers == 1:
            ProcessCollector(registry=registry)
        server = _Server(listening, _paths(make_wsgi_app(registry)))
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield Path(name)
        finally:
            server.shutdown()
            server.server_close()


class Numbers(Collector):
    """Everything in METRICS, those that nobody counted yet too."""

    def __init__(self, reader: Reader, version: str) -> None:
        self._reader = reader
        self._version = version
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Family]:
        """Read anew for each scrape."""
        with self._lock:
            found = self._reader.read()
        found.gauges["gateway_build_info", self._version] = 1
        families = {name: _family(name, metric) for name, metric in METRICS.items()}
        for (name, *labels), value in (*found.totals.items(), *found.gauges.items()):
            families[name].add_metric(labels, value)
        _add_times(families, found)
        return families.values()


def _family(name: str, metric: Metric) -> Any:
    made = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    return made[metric.kind](name, metric.help, labels=metric.labels)


def _add_times(families: dict[str, Any], found: Sum) -> None:
    for (name, *labels), (counts, seconds) in found.times.items():
        buckets, up_to = [], 0
        for bound, number in zip((*METRICS[name].bounds, inf), counts, strict=True):
            up_to += number
            buckets.append((f"{bound:g}" if bound < inf else "+Inf", up_to))
        families[name].add_metric(labels, buckets, seconds)


def _paths(metrics: Any) -> Any:
    """Nothing but metrics is answered here."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        status = "200 OK" if path == "/" else "404 Not Found"
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(HINT)))])
        return [HINT]

    return app


class _Handler(WSGIRequestHandler):
    timeout = SLOWEST

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is the operator's."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, app: Any) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()[:2]
        self.setup_environ()
        self.set_app(app)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is nobody's fault."""
