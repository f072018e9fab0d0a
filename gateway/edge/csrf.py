"""Only people press the buttons (law 11): top-level, from this very site, with a token that only our page holds."""

from __future__ import annotations

from gateway.config.secrets import Keyring
from gateway.edge.gate import Visit
from gateway.policy.holdable import Sender, sender

PURPOSE = "form"


def token(keyring: Keyring, bound_to: str) -> str:
    """For the forms of one session (its ref) or, before there is one, of one browser (its cookie)."""
    return keyring.digest(PURPOSE, bound_to.encode())


def opened_by_person(visit: Visit, *, linked: bool) -> bool:
    """Whether a GET is a top-level navigation; from another site only where `linked` says that this is usual."""
    request = visit.request
    if request.header(b"sec-fetch-dest") not in (None, b"document"):
        return False
    if request.header(b"sec-fetch-mode") not in (None, b"navigate"):
        return False
    return linked or request.header(b"sec-fetch-site") in (None, b"same-origin", b"none")


def posted_by_person(visit: Visit, sent: str, bound_to: str) -> bool:
    """Whether a POST came from a form of ours, submitted by the browser itself."""
    ours = sender(visit.request, visit.gate.app.origin) in (Sender.SAME, Sender.UNKNOWN)
    return (
        ours and opened_by_person(visit, linked=True) and visit.gate.keyring.matches(PURPOSE, sent, bound_to.encode())
    )
