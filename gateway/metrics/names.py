"""Every metric there is: what it counts, by which labels, and what several workers' numbers make together.

Values of labels come from the configuration and from vocabularies of ours, never from a request: neither a secret
(law 5) nor a series for each thing that somebody thinks of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

Merge = Callable[[Sequence[float]], float]
"""One number out of those of each worker, the one that was written last at the end."""


def newest(values: Sequence[float]) -> float:
    """All of them look at the same thing."""
    return values[-1]


class Metric(NamedTuple):
    """`merge` is for gauges: what is counted is summed up."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    merge: Merge = sum
    bounds: tuple[float, ...] = ()  # seconds, of a histogram


STORE = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
UPSTREAM = (1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

METRICS: dict[str, Metric] = {
    "gateway_decisions_total": Metric(
        "counter",
        "Requests decided on; one that matches several routes counts for each, route is empty where none matched.",
        ("app", "route", "reason"),
    ),
    "gateway_confirms_total": Metric(
        "counter", "Answers on the confirm page, and cancellations.", ("app", "verifier", "outcome")
    ),
    "gateway_sign_ins_total": Metric(
        "counter", "Sign-ins, those to apps that keep their own login too.", ("app", "verifier", "outcome")
    ),
    "gateway_resumes_total": Metric("counter", "Held requests that were claimed, and their fate.", ("app", "outcome")),
    "gateway_holds_total": Metric(
        "counter", "Requests of people who were asked to confirm: held, or why not.", ("app", "outcome")
    ),
    "gateway_held_requests": Metric("gauge", "Requests that the state store holds now.", (), newest),
    "gateway_held_bytes": Metric("gauge", "Bytes of them.", (), newest),
    "gateway_throttled_total": Metric("counter", "Tries that were not looked at, after too many.", ("app", "at")),
    "gateway_sessions_ended_total": Metric("counter", "Sessions that were ended; running out is not.", ("reason",)),
    "gateway_store_seconds": Metric("histogram", "Calls of a store.", ("store", "call"), bounds=STORE),
    "gateway_store_errors_total": Metric("counter", "Calls that a store did not answer.", ("store",)),
    "gateway_store_up": Metric("gauge", "1 if the store answers each worker.", ("store",), min),
    "gateway_upstream_seconds": Metric(
        "histogram", "From the end of a request to the head of the app's answer.", ("app",), bounds=UPSTREAM
    ),
    "gateway_upstream_errors_total": Metric("counter", "Answers that did not come, or broke off.", ("app", "kind")),
    "gateway_websockets": Metric("gauge", "Websockets that are open."),
    "gateway_connections": Metric("gauge", "Connections of clients."),
    "gateway_hashing_waiting": Metric("gauge", "Passwords that wait to be hashed, or are being."),
    "gateway_config_reloads_total": Metric("counter", "Reloads, by each worker.", ("outcome",)),
    "gateway_config_last_reload_successful": Metric("gauge", "1 if each worker's last one was.", (), min),
    "gateway_config_last_reload_success_timestamp_seconds": Metric(
        "gauge", "When the configuration at work was read; by the worker that read it first.", (), min
    ),
    "gateway_workers": Metric("gauge", "Workers that run."),
    "gateway_workers_resident_bytes": Metric("gauge", "Memory of all workers."),
    "gateway_build_info": Metric("gauge", "1.", ("version",), min),
}
