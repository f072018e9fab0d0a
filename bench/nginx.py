"""nginx as the app, as a plain proxy, and as a proxy that asks somebody for each request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.support.processes import Program, running

KIBIBYTE = "x" * 1024
HEAVY = 1 << 30

APP = """
    server {{
        listen 127.0.0.1:{port};
        default_type text/plain;
        location / {{ return 200 "{body}"; }}
        location = /heavy {{ alias {folder}/heavy; }}
        location = /sink {{
            client_max_body_size 0;
            proxy_pass http://127.0.0.1:{sink};
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
"""

PROXY = """
    upstream app {{ server 127.0.0.1:{app}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{plain};
        location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
    server {{
        listen 127.0.0.1:{asking};
        location / {{
            auth_request /ask;
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
        location = /ask {{ internal; return 204; }}
    }}
"""


@contextmanager
def nginx(folder: Path, servers: str, port: int, *, core: int) -> Iterator[Program]:
    """One worker on one core, answering on `port`."""
    folder.mkdir()
    text = Path(__file__).with_name("nginx.conf").read_text().format(folder=folder, servers=servers)
    conf = folder / "nginx.conf"
    conf.write_text(f"user root;\n{text}" if os.getuid() == 0 else text)
    command: list[str | Path] = ["taskset", "-c", str(core), "nginx", "-p", folder, "-c", conf]
    with running(command, folder, port=port) as program:
        yield program


def app(folder: Path, port: int, sink: int, *, core: int) -> AbstractContextManager[Program]:
    """1 KiB at every path, 1 GiB at /heavy; what is sent to /sink goes on to that port."""
    servers = APP.format(port=port, body=KIBIBYTE, folder=folder, sink=sink)
    return nginx(folder, servers, port, core=core)


def proxy(folder: Path, app: int, plain: int, asking: int, *, core: int) -> AbstractContextManager[Program]:
    """`proxy_pass` on one port; on the other, `auth_request` to a location that says yes at once."""
    return nginx(folder, PROXY.format(app=app, plain=plain, asking=asking), plain, core=core)
