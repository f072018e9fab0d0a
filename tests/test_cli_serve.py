"""What `gateway serve` tells its operator on standard error; standard output is the audit log's."""

import signal
import time
import tomllib
from pathlib import Path

from gateway import cli
from tests.support.processes import free_port, gateway

ROUTES = '[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:{port}"\n'


def told(gate, words):
    """What is on stderr once `words` are."""
    deadline = time.monotonic() + 10
    while words not in gate.program.err.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    return gate.program.err.read_text()


def test_it_says_where_it_listens_and_after_a_reload_what_changed(tmp_path):
    with gateway(tmp_path, ROUTES.format(port=free_port()), people={}) as gate:
        said = f"gateway: listening on 127.0.0.1:{gate.port} for notes (http://localhost:{gate.port})\n"
        assert told(gate, "listening").count(said) == 1
        file = tmp_path / "routes.toml"
        file.write_text(file.read_text().replace(f'"127.0.0.1:{gate.port}"', f'"[::1]:{free_port()}"'))
        gate.program.signal(signal.SIGHUP)
        lines = told(gate, "reloaded").partition(said)[2].splitlines()
        assert lines[-2:] == [
            f"gateway: goes on listening on 127.0.0.1:{gate.port}: another address needs a restart",
            f"gateway: reloaded {file}",
        ]
        assert f"gateway: warning: {file}:8: app[0]: has no [[app.route]]: nothing is sensitive" in lines[-3]
        assert gate.audit() == []


def test_it_says_which_version_it_is(capsys):
    try:
        cli.main(["--version"])
    except SystemExit as end:
        assert end.code == 0
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"gateway {project['version']}\n"
