"""Every broken promise the gateway can meet, in one tree.

Expected outcomes (a wrong code, a stale session, a throttle) are values, never exceptions. What is raised is what
somebody has to repair; `edge.gatekeeper` maps it to a response in one place.

    GatewayError
    ├── ConfigError            the configuration cannot be used; carries every problem found
    ├── StoreError             the state store or the directory did not answer, or answered nonsense  -> 503
    ├── Busy                   more answers wait to be checked than can be in time                     -> 503
    ├── MalformedRequest       the client broke HTTP's grammar; nothing was forwarded                 -> 400, `status`
    ├── ClientSlow             a body that is read here did not arrive in time; nothing was sent         -> 408
    ├── ClientGone             the client left before its request was whole; nothing may be sent for it
    └── UpstreamError
        ├── UpstreamUnreachable    no byte of the request left: it is safe to send it again          -> 502
        ├── UpstreamBroken         the answer broke off or broke HTTP's grammar                       -> 502
        └── UpstreamTimeout        the answer did not come in time                                    -> 504
"""


class GatewayError(Exception):
    """Base of all that the gateway raises on purpose."""


class ConfigError(GatewayError):
    """The configuration cannot be used. `problems` holds one printable line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(GatewayError):
    """The state store or the directory did not answer, or a row in it makes no sense."""


class Busy(GatewayError):
    """More answers wait to be checked than can be in time; nobody was told whether theirs was right."""


class MalformedRequest(GatewayError):
    """The client broke HTTP's grammar. `status` is the answer it gets; the text says what was wrong."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class ClientSlow(GatewayError):
    """A body that the gateway reads before it decides did not arrive in time."""


class ClientGone(GatewayError):
    """The client disconnected before the whole request had arrived."""


class UpstreamError(GatewayError):
    """The app behind the gateway did not do its part."""


class UpstreamUnreachable(UpstreamError):
    """No connection could be made; not one byte of the request was sent."""


class UpstreamBroken(UpstreamError):
    """The connection broke, or the answer was not HTTP; the request may have taken effect."""


class UpstreamTimeout(UpstreamError):
    """The app did not answer in time; the request may have taken effect."""
