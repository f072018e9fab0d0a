"""A plain load balancer before several gateways: nginx as it comes, each request to the next one, nothing sticky."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Program, running

CONF = """\
{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    upstream replicas {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location = /balancer-is-up {{ return 204; }}
        location / {{
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


@contextmanager
def balancer(folder: Path, port: int, replicas: Sequence[int]) -> Iterator[Program]:
    """Answering on `port`, for gateways on the ports of `replicas`."""
    folder.mkdir(parents=True)
    servers = " ".join(f"server 127.0.0.1:{each};" for each in replicas)
    conf = folder / "nginx.conf"
    user = "user root;\n" if os.getuid() == 0 else ""
    conf.write_text(CONF.format(user=user, folder=folder, port=port, servers=servers))
    command: list[str | Path] = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", conf]
    with running(command, folder, port=port, ready="/balancer-is-up") as program:
        yield program
