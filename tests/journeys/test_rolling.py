"""Three gateways behind a balancer, each replaced in turn while people work: nobody notices."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.support.echo import Echo
from tests.support.processes import Program, free_port, launch, running, wait_for, write_config
from tests.support.raw import NoAnswer, Raw

APP = '[[app]]\nname = "notes"\nupstream = "{upstream}"\npublic = ["/**"]\n'
NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    upstream new {{ {servers} }}
    upstream kept {{ {servers} keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Host localhost;
        proxy_set_header Connection "";
        add_header X-Served-By $upstream_addr always;
        location = /nginx {{ return 204; }}
        location /new {{ proxy_pass http://new; }}
        location /kept {{ proxy_pass http://kept; }}
    }}
}}
"""
BODY = b"x" * 3000
AT_ONCE = 6
MOST = 20_000


class People:
    """Some who ask and send, on connections of their own, half of them on a new one each time; the balancer uses new
    connections or kept ones, as the path says."""

    def __init__(self, port: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.by: Counter[str] = Counter()
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(AT_ONCE)]

    def __enter__(self) -> People:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _work(self, number: int) -> None:
        for start in count(number):
            if self._over.is_set() or sum(self.outcomes.values()) >= MOST:
                return
            with Raw(self._port, timeout=20) as client:
                for turn in range(start, start + (1 if number % 2 else 50)):
                    self._ask(client, b"/new" if turn % 2 else b"/kept", sends=turn % 3 == 0)
                    time.sleep(0.005)

    def _ask(self, client: Raw, path: bytes, *, sends: bool) -> None:
        body = BODY if sends else b""
        begin = b"%b %b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
        try:
            client.send(begin % (b"POST" if sends else b"GET", path, len(body)) + body)
            answer = client.answer()
            self.outcomes[f"{'POST' if sends else 'GET'} {answer.status}"] += 1
            self.by[(answer.header("x-served-by") or "").rpartition(":")[2]] += 1
        except (OSError, NoAnswer) as error:
            self.outcomes[repr(error)] += 1


class Replica:
    """One of them; all use the same stores."""

    def __init__(self, folder: Path, upstream: str, number: int) -> None:
        self.port = free_port()
        self._folder = folder / str(number)
        write_config(self._folder, self.port, APP.format(upstream=upstream))
        file = self._folder / "routes.toml"
        text = file.read_text().replace("sqlite:", f"sqlite:{folder}/").replace("file:", f"file:{folder}/0/")
        file.write_text(text)
        self._command = [sys.executable, "-m", "gateway", "serve", "--config", file]
        self.program = self.start()

    def start(self) -> Program:
        self.program = launch(self._command, self._folder)
        wait_for(self.program, self.port, "/.gateway/readyz")
        return self.program

    def replace(self) -> int:
        """Its exit status."""
        self.program.signal(signal.SIGTERM)
        status = self.program.process.wait(20)
        self.start()
        return status


@contextmanager
def balanced(folder: Path, upstream: str) -> Iterator[tuple[int, list[Replica]]]:
    with ExitStack() as stack:
        replicas = []
        for number in range(3):
            replicas.append(Replica(folder, upstream, number))
            stack.callback(lambda each=replicas[-1]: each.program.stop())
        port = free_port()
        servers = " ".join(f"server 127.0.0.1:{each.port} fail_timeout=1s;" for each in replicas)
        (folder / "nginx").mkdir()
        conf = folder / "nginx" / "nginx.conf"
        text = NGINX.format(folder=folder / "nginx", servers=servers, port=port)
        conf.write_text(f"user root;\n{text}" if os.getuid() == 0 else text)
        command: list[str | Path] = ["nginx", "-p", folder / "nginx", "-c", conf]
        stack.enter_context(running(command, folder / "nginx", port=port, ready="/nginx"))
        yield port, replicas


def until(true: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def test_each_is_replaced_in_turn_without_a_failed_request(app: Echo, tmp_path: Path) -> None:
    with balanced(tmp_path, app.url) as (port, replicas), People(port) as people:
        for replica in replicas:
            assert until(lambda: sum(people.outcomes.values()) > 100)
            assert replica.replace() == 0
            before = people.by[str(replica.port)]
            assert until(lambda each=replica, seen=before: people.by[str(each.port)] > seen + 5)  # type: ignore[misc]
    assert set(people.outcomes) == {"GET 200", "POST 200"}, people.outcomes
    assert sum(people.outcomes.values()) < MOST
