"""nginx as the app, as a plain proxy, and as a proxy that asks somebody for each request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.support.processes import Program, running

KIBIBYTE = "x" * 1024
MEBIBYTE = 1 << 20

APP = """
    log_format length '$request_length';
    server {{
        listen 127.0.0.1:{port};
        default_type text/plain;
        location / {{ return 200 "{body}"; }}
        location = /mib {{ alias {folder}/mib; sendfile on; }}
        location = /sink {{
            access_log {folder}/sink.log length;
            client_max_body_size 0;
            client_body_buffer_size 2m;
            proxy_pass http://127.0.0.1:{port}/done;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
    }}
"""
"""/sink reads the whole body before it asks itself for an answer, and writes down how long the request was."""

STREAMED = "proxy_max_temp_file_size 0; proxy_request_buffering off; client_max_body_size 0;"
PASSED = 'proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";'

PROXY = f"""
    upstream app {{{{ server 127.0.0.1:{{app}}; keepalive 1024; keepalive_requests 100000000; }}}}
    server {{{{
        listen 127.0.0.1:{{plain}};
        location / {{{{ {PASSED} }}}}
        location = /mib {{{{ {PASSED} {STREAMED} }}}}
        location = /sink {{{{ {PASSED} {STREAMED} }}}}
        location = /ws {{{{
            proxy_pass http://app; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        }}}}
    }}}}
    server {{{{
        listen 127.0.0.1:{{asking}};
        location / {{{{ auth_request /ask; {PASSED} }}}}
        location = /ask {{{{ internal; {{answer}} }}}}
    }}}}
"""

DECIDER = """
    upstream decider {{ server 127.0.0.1:{port}; keepalive 128; keepalive_requests 100000000; }}
"""
ASKED = """
    proxy_pass http://decider; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_pass_request_body off; proxy_set_header Content-Length "";
"""


@contextmanager
def nginx(folder: Path, servers: str, port: int, *, cores: str) -> Iterator[Program]:
    """One worker, answering on `port`."""
    folder.mkdir(exist_ok=True)
    text = Path(__file__).with_name("nginx.conf").read_text().format(folder=folder, servers=servers)
    conf = folder / "nginx.conf"
    conf.write_text(f"user root;\n{text}" if os.getuid() == 0 else text)
    command: list[str | Path] = ["taskset", "-c", cores, "nginx", "-p", folder, "-c", conf]
    with running(command, folder, port=port) as program:
        yield program


def app(folder: Path, port: int, *, cores: str) -> AbstractContextManager[Program]:
    """1 KiB at every path, 1 MiB at /mib; /sink takes uploads, and logs how long each request was."""
    folder.mkdir()
    (folder / "mib").write_bytes(bytes(MEBIBYTE))
    return nginx(folder, APP.format(port=port, body=KIBIBYTE, folder=folder), port, cores=cores)


def proxy(
    folder: Path, app: int, plain: int, asking: int, *, cores: str, decider: int | None = None
) -> AbstractContextManager[Program]:
    """`proxy_pass` on one port; on the other, `auth_request` to that decision service, or to a yes of its own."""
    answer = "return 204;" if decider is None else ASKED
    servers = PROXY.format(app=app, plain=plain, asking=asking, answer=answer)
    more = "" if decider is None else DECIDER.format(port=decider)
    return nginx(folder, more + servers, plain, cores=cores)
