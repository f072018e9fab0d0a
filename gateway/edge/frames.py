"""Where the frames of a websocket begin and end, and no more of them than that (RFC 6455, 5.2)."""

from __future__ import annotations

import os

CLOSE = 8
"""The opcode of the last frame either side sends."""

SHORT = tuple(0 if byte & 127 > 125 else 2 + (byte & 127) + (byte >> 7) * 4 for byte in range(256))
"""By its second byte, how many bytes a frame has whose length stands there."""


class Frames:
    """One direction, as far as it was passed on. Only heads are looked at, and at most part of one is kept.

    What makes no sense is for the two peers to find out. A frame of absurd length never ends: nothing of ours follows.
    """

    __slots__ = ("_head", "_left", "closed", "passed", "whole")

    def __init__(self) -> None:
        self.passed = 0  # bytes
        self.closed = False  # a close frame was among them
        self.whole = True  # the last frame is: another may follow here
        self._left = 0  # bytes of the frame under way that are still to come
        self._head = b""  # of the next one, as far as it is there

    def feed(self, data: bytes) -> None:
        """These bytes come next."""
        size = len(data)
        self.passed += size
        if self.whole and size > 1 and SHORT[data[1]] == size and data[0] & 15 != CLOSE:
            return  # one short frame, as most are
        at = self._left
        if self._head:
            data, self._head = self._head + data, b""
            size = len(data)
        while at + 1 < size:
            second = data[at + 1]
            length = second & 127
            end = at + 6 if second & 128 else at + 2
            if length > 125:
                wide = 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : at + 2 + wide])
                end += wide
            if end > size:
                break
            if data[at] & 15 == CLOSE:
                self.closed = True
            at = end + length
        if at < size:
            self._head, self._left = data[at:], 0
        else:
            self._left = at - size
        self.whole = at == size


def close_frame(code: int, reason: str, *, masked: bool) -> bytes:
    """What ends a websocket, with its reason. Masked where it goes to a server (RFC 6455, 5.3)."""
    body = code.to_bytes(2) + reason.encode()
    if not masked:
        return bytes((128 | CLOSE, len(body))) + body
    mask = os.urandom(4)
    return bytes((128 | CLOSE, 128 | len(body))) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
