"""deploy/compose.yaml: what it runs fits together, and nobody reaches what they should not."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.config.load import check

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GATEWAYS = ["gateway-1", "gateway-2"]
ENV = {"GATEWAY_SECRET": "s" * 64, "VALKEY_PASSWORD": "a" * 48, "POSTGRES_PASSWORD": "b" * 48}


def beside(service: str) -> set[str]:
    """All that share a network with it."""
    mine = set(SERVICES[service]["networks"])
    return {name for name, other in SERVICES.items() if mine & set(other["networks"])} - {service}


def filled(value: str) -> str:
    """As Compose fills in an environment."""
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: ENV[found[1]], value)


def test_it_is_a_compose_file() -> None:
    schema = json.loads(files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(COMPOSE | {"services": {"balancer": {"read-only": True}}}, schema)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service
    assert service["image"] == "stepup-gateway" or (":" in service["image"] and "user" in service)


def test_only_the_balancer_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["balancer"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["balancer"]["ports"])
    networks = {name: settings or {} for name, settings in COMPOSE["networks"].items()}
    assert [name for name, settings in networks.items() if not settings.get("internal")] == ["outside"]
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["balancer"]


def test_the_app_and_the_stores_are_reached_by_the_gateways_alone() -> None:
    assert beside("notes") == set(GATEWAYS)
    assert beside("valkey") - {"postgresql"} == {*GATEWAYS, "migrate"}
    assert beside("postgresql") - {"valkey"} == {*GATEWAYS, "migrate"}
    assert beside("balancer") == set(GATEWAYS)


def test_each_waits_for_what_it_needs() -> None:
    for name in GATEWAYS:
        needed = {other: wanted["condition"] for other, wanted in SERVICES[name]["depends_on"].items()}
        assert needed == {
            "migrate": "service_completed_successfully",
            "valkey": "service_healthy",
            "postgresql": "service_healthy",
        }
    assert list(SERVICES["migrate"]["depends_on"]) == ["postgresql"]
    assert SERVICES["migrate"]["restart"] == "no"
    assert list(SERVICES["balancer"]["depends_on"]) == GATEWAYS


def test_every_secret_is_asked_for_and_made_by_the_lines_at_the_top() -> None:
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) == set(ENV)
    assert all(f"{name}=%s" in TEXT.partition("\nx-")[0] for name in ENV)


def test_its_routes_are_good_with_the_environment_that_it_gives() -> None:
    env = {key: filled(value) for key, value in SERVICES["gateway-1"]["environment"].items()}
    report = check(DEPLOY / "routes.toml", env=env)
    assert report.problems == []
    assert report.settings is not None
    assert report.settings.state == f"redis://:{'a' * 48}@valkey:6379"
    assert report.settings.directory == f"postgresql://gateway:{'b' * 48}@postgresql/gateway"
    assert [app.upstream for app in report.settings.apps] == ["http://notes:9000"]
    subnet = COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert [str(network) for network in report.settings.trusted_proxies] == [subnet]


def test_the_balancer_asks_the_gateways_there_are() -> None:
    text = (DEPLOY / "balancer.conf").read_text()
    assert re.findall(r"server (gateway-\d+):8000", text) == GATEWAYS
    assert [name for name in SERVICES if name.startswith("gateway-")] == GATEWAYS
    assert not re.search(r"ip_hash|sticky|^\s*hash ", text, re.MULTILINE)


def test_what_is_mounted_is_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert files and all((DEPLOY / file).is_file() for file in files)
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == set(COMPOSE["volumes"])


def test_the_state_throws_nothing_away_by_itself() -> None:
    command = SERVICES["valkey"]["command"][-1]
    assert "--maxmemory-policy noeviction" in command and 'requirepass $$VALKEY_PASSWORD"' in command
