"""How the nouns are written down: as JSON that a later version, with more fields, still reads.

Reading raises ValueError, TypeError or KeyError for anything that was not written here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from gateway.policy.facts import AuthEvent, Confirmation, Session


def events_text(events: Iterable[AuthEvent]) -> str:
    """What `events_of` reads."""
    return json.dumps([asdict(event) for event in events])


@lru_cache(1024)
def events_of(text: str) -> tuple[AuthEvent, ...]:
    """The events of a session."""
    return tuple(_event(**each) for each in json.loads(text))


def session_text(session: Session) -> str:
    """What `session_of` reads: all that stays as it is until the next authentication."""
    fields = asdict(session)
    del fields["last_seen"], fields["superseded"]
    return json.dumps(fields)


def session_of(text: str | bytes, last_seen: int, *, superseded: bool) -> Session:
    """All of it."""
    fields = json.loads(text)
    events = tuple(_event(**each) for each in fields.pop("events"))
    if type(fields["signed_in_at"]) is not int:
        raise TypeError("signed_in_at is no whole number")
    return Session(**fields, last_seen=last_seen, events=events, superseded=superseded)


def confirmation_text(confirmation: Confirmation) -> str:
    """What `confirmation_of` reads. Written out: for every challenge, in a third of the time."""
    its = confirmation
    return (
        f'{{"id": {quoted(its.id)}, "app": {quoted(its.app)}, "session": {quoted(its.session)}, '
        f'"subject": {quoted(its.subject)}, "routes": [{", ".join(map(quoted, its.routes))}], '
        f'"method": {quoted(its.method)}, '
        f'"target": {quoted(its.target)}, "shown": {json.dumps(its.shown) if its.shown else "[]"}, '
        f'"back": {quoted(its.back)}, "created_at": {its.created_at:d}, "expires_at": {its.expires_at:d}, '
        f'"held": {"true" if its.held else "false"}, "declined": {quoted(its.declined)}, '
        f'"events": {events_text(its.events) if its.events else "[]"}, "ticket": {quoted(its.ticket)}, '
        f'"version": {its.version:d}}}'
    )


def confirmation_of(text: str) -> Confirmation:
    """All of it."""
    fields = json.loads(text)
    fields["routes"] = tuple(fields["routes"])
    fields["shown"] = tuple((name, value) for name, value in fields["shown"])
    fields["events"] = tuple(_event(**each) for each in fields["events"])
    return Confirmation(**fields)


def _event(verifier: str, auth_time: int, amr: list[str]) -> AuthEvent:
    if type(auth_time) is not int:  # JSON knows NaN, and no age is greater than any limit when it is NaN
        raise TypeError("auth_time is no whole number")
    return AuthEvent(verifier, auth_time, tuple(amr))
