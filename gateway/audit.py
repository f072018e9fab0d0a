"""The audit log: one line of JSON for each event, on standard output.

    {"time": "2026-02-03T04:05:06.789Z", "event": "decision", "reason": "stale", "app": "notes",
     "routes": ["change-email"], "subject": "ada", "session": "5f…", "method": "POST", "path": "/account/email", …}

What a request carries may be secret, so there is no room here for a query, a body, a cookie or a field of a form
(law 5). Lines are ASCII: control characters and everything beyond are escaped, and no value can forge a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, Literal

from gateway.policy.facts import Reason

Event = Literal["decision", "sign-in", "sign-out", "confirm", "credential", "session", "resume"]

LONGEST = 300
"""Characters kept of a value: a line of this log stays under 4096 bytes and reaches a pipe in one piece."""


class Audit:
    """Writes to `stream`, and never raises: a log that nobody reads any more must not stop requests."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._broken = False

    def write(
        self,
        event: Event,
        *,
        now: float,
        reason: Reason,
        app: str = "",
        routes: Sequence[str] = (),
        subject: str = "",
        session: str = "",
        client: str = "",
        method: str = "",
        path: str = "",
        request_id: str = "",
        max_age: int | None = None,
        auth_time: int | None = None,
        verifier: str = "",
        credential: str = "",
        held: bool | None = None,
        unmet: Mapping[str, Reason] | None = None,
    ) -> None:
        """One line; what is empty is left out. `unmet` are routes in report mode, and what they would have asked.

        `session` is the session's ref, never its id; `path` is cut at "?".
        """
        said = {
            "event": event,
            "reason": reason,
            "app": app,
            "routes": routes,
            "subject": subject[:LONGEST],
            "session": session,
            "client": client[:LONGEST],
            "method": method[:LONGEST],
            "path": path.partition("?")[0][:LONGEST],
            "request_id": request_id[:LONGEST],
            "max_age": max_age,
            "auth_time": auth_time,
            "verifier": verifier,
            "credential": credential,
            "held": held,
            "unmet": unmet,
        }
        try:
            line = {"time": _rfc3339(now)} | {key: value for key, value in said.items() if value or value in (0, False)}
            self._stream.write(json.dumps(line).replace("\x7f", "\\u007f").encode() + b"\n")
            self._stream.flush()
        except (OSError, ValueError, OverflowError) as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            with suppress(OSError, ValueError):
                print(f"gateway: the audit log cannot be written: {error}", file=sys.stderr)


def _rfc3339(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
