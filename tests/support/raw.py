"""Bytes on a socket, and what comes back: several answers, informational ones too, and the close."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self


class NoAnswer(Exception):
    """The peer closed, fell silent, or said something that is no HTTP response."""


@dataclass(frozen=True)
class Answer:
    """One response. Header names are in lower case, everything else is as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first field of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Raw:
    """One client connection."""

    def __init__(self, port: int, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def half_close(self) -> None:
        """Say that nothing more will be sent; go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer:
        """The next response to a request of that method. Raises `NoAnswer`."""
        try:
            status, headers = self._head()
            bodiless = method == "HEAD" or status < 200 or status in (204, 304)
            return Answer(status, headers, b"" if bodiless else self._body(dict(headers)))
        except (OSError, ValueError, IndexError) as error:
            raise NoAnswer(repr(error)) from error

    def read(self, size: int) -> bytes:
        """So many bytes that are no answer, or as many as there are to the end."""
        return self._reader.read(size)

    def closed(self, within: float = 2.0) -> bool:
        """Whether the peer closes, sending nothing more, in that many seconds."""
        self._socket.settimeout(within)
        try:
            return self._reader.read(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def _line(self) -> bytes:
        line = self._reader.readline(65536)
        if not line.endswith(b"\n"):
            raise ValueError(f"cut off after {line!r}")
        return line.rstrip(b"\r\n")

    def _head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        version, status = self._line().decode("latin-1").split(" ")[:2]
        if not version.startswith("HTTP/1."):
            raise ValueError(f"not HTTP: {version!r}")
        headers = []
        while line := self._line().decode("latin-1"):
            name, _, value = line.partition(":")
            headers.append((name.lower(), value.strip()))
        return int(status), tuple(headers)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self._reader.read()

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ValueError(f"{len(data)} of {size} bytes")
        return data

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line().partition(b";")[0], 16):
            body += self._exactly(size)
            self._line()
        while self._line():
            pass
        return body


def exchange(port: int, data: bytes, *, method: str = "GET", timeout: float = 10.0) -> list[Answer]:
    """Send the bytes, stop sending, and return every answer until the peer closes or falls silent."""
    answers = []
    with Raw(port, timeout=timeout) as raw:
        raw.send(data)
        raw.half_close()
        try:
            while True:
                answers.append(raw.answer(method))
        except NoAnswer:
            return answers
