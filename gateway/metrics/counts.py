"""What one process counts, in plain numbers: a request must not pay for how they are published.

Everything here is called in the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from gateway.metrics.names import METRICS
from gateway.policy.facts import Reason
from gateway.timing import Timed

Key = tuple[str, ...]
"""The name of a metric, and the values of its labels."""

VERIFIERS = frozenset({"passkey", "totp", "password", "recovery"})
ENDINGS = frozenset({Reason.SIGNED_OUT, Reason.REVOKED, Reason.OTHER_PERSON})
RELOADS = ("good", "bad")
FAILURES = ("unreachable", "broken", "timeout")
"""Ways in which an app fails, as in `errors`."""


class Times:
    """Durations in seconds, sorted into buckets; `counts` has one more than there are `bounds`."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Counts:
    """All of one process. `totals` only ever grow, `gauges` are set."""

    def __init__(self) -> None:
        self.totals: defaultdict[Key, int] = defaultdict(int)
        self.times: dict[Key, Times] = {}
        self.gauges: dict[Key, float] = {}
        self.websockets = 0
        self._apps: dict[str, AppCounts] = {}

    def app(self, name: str) -> AppCounts:
        """Those of one app, the same ones after a reload."""
        if name not in self._apps:
            self._apps[name] = AppCounts(name, self)
        return self._apps[name]

    def store(self, name: str) -> Timed:
        """For whoever makes the calls of that store."""
        errors = ("gateway_store_errors_total", name)
        self.totals[errors] += 0
        calls: dict[str, Times] = {}

        def timed(call: str, seconds: float, ok: bool) -> None:
            times = calls.get(call)
            if times is None:
                times = calls[call] = self._times("gateway_store_seconds", name, call)
            times.add(seconds)
            if not ok:
                self.totals[errors] += 1

        return timed

    def decided(self, app: str, routes: Iterable[str], reason: Reason) -> None:
        """One request, by the names of the routes it matched; `app` is "" where it is for none."""
        for route in tuple(routes) or ("",):
            self.totals["gateway_decisions_total", app, route, reason] += 1

    def loaded(self, now: float) -> None:
        """A configuration is at work, read at `now`."""
        for outcome in RELOADS:
            self.totals["gateway_config_reloads_total", outcome] += 0
        self.gauges["gateway_config_last_reload_successful",] = 1.0
        self.gauges["gateway_config_last_reload_success_timestamp_seconds",] = now

    def reloaded(self, now: float) -> None:
        """Another one is."""
        self.loaded(now)
        self.totals["gateway_config_reloads_total", "good"] += 1

    def not_reloaded(self) -> None:
        """The file is bad, and the one before goes on."""
        self.gauges["gateway_config_last_reload_successful",] = 0.0
        self.totals["gateway_config_reloads_total", "bad"] += 1

    def settle(self) -> None:
        """Put what is counted on the side in its place."""
        self.gauges["gateway_websockets",] = self.websockets
        for app in self._apps.values():
            self.totals["gateway_decisions_total", app.name, "", Reason.OPEN] += app.open
            app.open = 0

    def _times(self, *key: str) -> Times:
        return self.times.setdefault(key, Times(METRICS[key[0]].bounds))


class AppCounts:
    """`open` are requests that were forwarded and matched no route, since they were settled: most of all there are."""

    __slots__ = ("_heads", "_totals", "_whole", "name", "open")

    def __init__(self, name: str, whole: Counts) -> None:
        self.name = name
        self._whole = whole
        self.open = 0
        self._totals = whole.totals
        self._heads = whole._times("gateway_upstream_seconds", name)
        for kind in FAILURES:
            self._totals["gateway_upstream_errors_total", name, kind] += 0

    def upstream(self, call: str, seconds: float, ok: bool) -> None:
        """A `Timed`: the head of an answer has come, or else `call` is one of FAILURES."""
        if ok:
            self._heads.add(seconds)
        else:
            self._totals["gateway_upstream_errors_total", self.name, call] += 1

    @contextmanager
    def websocket(self) -> Iterator[None]:
        """One that is open until the end of the block."""
        self._whole.websockets += 1
        try:
            yield
        finally:
            self._whole.websockets -= 1

    def decided(self, routes: Iterable[str], reason: Reason) -> None:
        """One request, by the names of the routes it matched."""
        self._whole.decided(self.name, routes, reason)

    def noted(self, event: str, reason: Reason, routes: Iterable[str], verifier: str, *, own_login: bool) -> None:
        """What the audit log is told. `own_login`: the app's."""
        if event == "decision":  # most of all there are
            self.decided(routes, reason)
        known = verifier if not verifier or VERIFIERS.issuperset(verifier.split()) else ""
        match event:
            case "confirm":
                self._totals["gateway_confirms_total", self.name, known, reason] += 1
            case "sign-in":
                self._totals["gateway_sign_ins_total", self.name, known, reason] += 1
            case "sign-out" | "session" if reason in ENDINGS:
                self._totals["gateway_sessions_ended_total", reason] += 1
        if reason is Reason.THROTTLED:
            self.throttled("app-sign-in" if own_login and event == "sign-in" else event)

    def throttled(self, at: str) -> None:
        self._totals["gateway_throttled_total", self.name, at] += 1

    def held(self, outcome: str) -> None:
        """A request was kept, or why it was not."""
        self._totals["gateway_holds_total", self.name, outcome] += 1

    def resumed(self, outcome: str) -> None:
        """A held request was claimed."""
        self._totals["gateway_resumes_total", self.name, outcome] += 1
