"""The other end of a websocket, by hand: it says back what it is told (RFC 6455)."""

from __future__ import annotations

import asyncio
import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE, PING, PONG = 8, 9, 10


def accepted(key: str) -> bytes:
    """The answer to a handshake."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


async def echo_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the client closes. Raises IncompleteReadError and ConnectionError where it just goes."""
    while True:
        opcode, body, final = await read_frame(reader)
        writer.write(frame(PONG if opcode == PING else opcode, body, final=final))
        await writer.drain()
        if opcode == CLOSE:
            return


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """The next one a client sent: opcode, body, and whether it is the last of its message."""
    first, second = await reader.readexactly(2)
    size = second & 127
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2))
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8))
    mask = await reader.readexactly(4)
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size)))
    return first & 15, body, bool(first & 128)


def masked(opcode: int, body: bytes) -> bytes:
    """As clients send it, by a mask that changes nothing."""
    head, size = frame(opcode, body)[:2], len(body)
    return head[:1] + bytes([head[1] | 128]) + frame(opcode, body)[2 : -size or None] + bytes(4) + body


def frame(opcode: int, body: bytes, *, final: bool = True) -> bytes:
    """As servers send it, unmasked."""
    head = bytes([opcode | 128 * final])
    if len(body) < 126:
        return head + bytes([len(body)]) + body
    if len(body) < 1 << 16:
        return head + b"\x7e" + len(body).to_bytes(2) + body
    return head + b"\x7f" + len(body).to_bytes(8) + body
