"""The audit log: one line of JSON for each event, on standard output.

    {"time": "2026-02-03T04:05:06.789Z", "event": "decision", "reason": "stale", "app": "notes",
     "routes": ["change-email"], "subject": "ada", "session": "5f…", "method": "POST", "path": "/account/email", …}

What a request carries may be secret, so there is no room here for a query, a body, a cookie or a field of a form
(law 5). Lines are ASCII: control characters and everything beyond are escaped, and no value can forge a line.

Lines leave together at the end of the event loop's turn in which they were written: before an app can answer what they
are about. A process that is killed loses those of that turn.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import BinaryIO, Literal

from gateway.policy.facts import Reason, fact

Event = Literal["decision", "sign-in", "sign-out", "confirm", "credential", "session", "resume"]

LONGEST = 300
"""Characters kept of a value: a line of this log stays under 4096 bytes and reaches a pipe in one piece."""

ONE_PIECE = 4096
"""Bytes that a pipe takes whole, so that lines of several workers do not mix (pipe(7), PIPE_BUF)."""


@fact
class Line:
    """All of it but when it was, and the id of the request, which stands between the two."""

    start: str
    end: str


def line(
    event: Event,
    *,
    reason: Reason,
    app: str = "",
    routes: Sequence[str] = (),
    subject: str = "",
    session: str = "",
    client: str = "",
    method: str = "",
    path: str = "",
    max_age: int | None = None,
    auth_time: int | None = None,
    verifier: str = "",
    credential: str = "",
    held: bool | None = None,
    unmet: Mapping[str, Reason] | None = None,
) -> Line:
    """What is empty is left out. `unmet` are routes in report mode, and what they would have asked.

    `session` is the session's ref, never its id; `path` is cut at "?".
    """
    start = _opening(event, reason, app, tuple(routes))
    start += _text("subject", subject[:LONGEST]) + _text("session", session) + _text("client", client[:LONGEST])
    start += _text("method", method[:LONGEST]) + _text("path", path.partition("?")[0][:LONGEST])
    end = _number("max_age", max_age) + _number("auth_time", auth_time)
    end += _text("verifier", verifier) + _text("credential", credential)
    if held is not None:
        end += f', "held": {"true" if held else "false"}'
    if unmet:
        end += f', "unmet": {{{", ".join(f"{quoted(name)}: {quoted(why)}" for name, why in unmet.items())}}}'
    return Line(start, end)


class Audit:
    """Writes to `stream`, and never raises: a log that nobody reads any more must not stop requests."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._broken = False
        self._lines: list[bytes] = []  # of this turn

    def put(self, line: Line, *, now: float, request_id: str = "") -> None:
        """One event. A `line` may be put as often as it is true."""
        try:
            written = (
                f'{{"time": "{_rfc3339(now)}"{line.start}{_text("request_id", request_id[:LONGEST])}{line.end}}}\n'
            )
        except (ValueError, OverflowError) as error:
            self._note(error)
            return
        self._lines.append(written.replace("\x7f", "\\u007f").encode())
        if len(self._lines) == 1:
            self._leave()

    def _leave(self) -> None:
        """At the end of this turn; where there is no loop there is none, and it is now."""
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Send off what is written."""
        lines, self._lines = self._lines, []
        for piece in _pieces(lines):
            self._send(piece)

    def _send(self, piece: bytes) -> None:
        try:
            self._stream.write(piece)
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            with suppress(OSError, ValueError):
                print(f"gateway: the audit log cannot be written: {error}", file=sys.stderr)


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, as many as fit into one write."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > ONE_PIECE:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece


def _text(name: str, value: str) -> str:
    return f', "{name}": {quoted(value)}' if value else ""


def _number(name: str, value: int | None) -> str:
    return "" if value is None else f', "{name}": {value:d}'


@lru_cache(1024)
def _opening(event: Event, reason: Reason, app: str, routes: tuple[str, ...]) -> str:
    names = f', "routes": [{", ".join(map(quoted, routes))}]' if routes else ""
    return f', "event": {quoted(event)}, "reason": {quoted(reason)}{_text("app", app)}{names}'


def _rfc3339(now: float) -> str:
    return _millisecond(round(now * 1e6) // 1000)


@lru_cache(4)
def _millisecond(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
