"""Whether what a form or a link would send is what the operator described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import MalformedRequest
from gateway.identity.forms import URLENCODED, Form, Sent
from gateway.policy.facts import Request, Route
from gateway.policy.routes import RouteTable
from gateway.policy.target import ANYTHING, readings


class Described:
    """One request, as its operator describes it."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._table = RouteTable([route])

    def is_form(self, form: Form, target: str, typed: Mapping[str, str]) -> bool:
        """Whether sending that form to that target is it."""
        # However it is encoded, the same fields are in it: this spelling can be read for certain
        return self.is_sent(replace(form, enctype=URLENCODED).filled(typed), target)

    def is_link(self, target: str) -> bool:
        """Whether following that link is it, or shows the form that is: a link cannot say its method."""
        methods = ["GET", *sorted(self.route.methods or ())]
        return any(self.is_sent(Sent(method, target, "", b""), target) for method in methods)

    def is_sent(self, sent: Sent, target: str) -> bool:
        raw = target.encode("ascii")
        path, _, query = raw.partition(b"?")
        headers = [(b"content-length", str(len(sent.body)).encode())]
        if sent.content_type:
            headers.append((b"content-type", sent.content_type.encode()))
        try:
            read = readings(path)
        except MalformedRequest:
            return False
        request = Request(sent.method, raw, path, query, tuple(headers), "", "", "", 0.0)
        return read != ANYTHING and bool(self._table.settle(self._table.match(request, read), request, sent.body))
