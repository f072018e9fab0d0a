"""deploy/kubernetes: good by the API's own schemas, and names, ports and labels meet."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.config.load import check
from gateway.config.settings import Settings

TOP = Path(__file__).parents[2]
FOLDER = TOP / "deploy/kubernetes"
VERSION = "1.37"
VALUES = {
    "GATEWAY_SECRET": "s" * 64,
    "GATEWAY_STATE": "rediss://:hush@valkey.example.com:6379",
    "GATEWAY_DIRECTORY": "postgresql://gateway:hush@postgresql.example.com/gateway?sslmode=verify-full",
}


def objects(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


KUSTOMIZATION = objects(FOLDER / "kustomization.yaml")[0]
ALL = [(file, each) for file in sorted(FOLDER.glob("*.yaml")) for each in objects(file) if file.stem != "kustomization"]
PROXY = {"app.kubernetes.io/name": "gateway", "app.kubernetes.io/component": "proxy"}


def the(kind: str, name: str = "gateway") -> dict[str, Any]:
    """The one of that kind and name."""
    [found] = [each for _, each in ALL if each["kind"] == kind and each["metadata"].get("name", name) == name]
    return found


def pod(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = the(kind)["spec"]["template"]["spec"]
    return spec


def container(kind: str = "Deployment") -> dict[str, Any]:
    [found] = pod(kind)["containers"]
    return dict(found)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What pods read."""
    file = tmp_path / "routes.toml"
    file.write_text(the("ConfigMap")["data"]["routes.toml"])
    report = check(file, env=VALUES)
    assert report.problems == []
    assert [line.partition(": ")[2] for line in report.warnings] == [
        "admin.listen: is open to other machines, and asks nobody who they are: let only your monitoring reach it",
        "app[0].upstream: is not on this machine: "
        "make sure that nobody on that network can reach the app past the gateway",
    ]
    assert report.settings is not None
    return report.settings


@pytest.mark.parametrize(("file", "manifest"), ALL, ids=lambda value: getattr(value, "name", ""))
def test_every_manifest_is_good_by_the_schemas_of_the_api(file: Path, manifest: dict[str, Any]) -> None:
    assert kubernetes_validate.validate(manifest, VERSION, strict=True) == VERSION
    assert "namespace" not in manifest["metadata"]


def test_a_manifest_with_a_key_that_does_not_exist_would_be_found() -> None:
    manifest = the("Service") | {"spec": the("Service")["spec"] | {"port": 80}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_what_is_applied_is_there_and_secrets_and_jobs_are_not_among_it() -> None:
    applied = set(KUSTOMIZATION["resources"])
    there = {file.name for file in FOLDER.glob("*.yaml")}
    assert there - applied == {"kustomization.yaml", "secret.example.yaml", "migrate.yaml"}
    assert applied <= there


def test_the_image_is_this_version() -> None:
    version = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["version"]
    [image] = KUSTOMIZATION["images"]
    assert image["newTag"] == version
    assert container()["image"] == container("Job")["image"] == f"{image['name']}:{version}"


def test_pods_run_as_nobody_with_nothing_to_write_to_but_what_they_need() -> None:
    for kind in ("Deployment", "Job"):
        assert pod(kind)["automountServiceAccountToken"] is False
        assert pod(kind)["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container(kind)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container(kind)["resources"]) == {"requests", "limits"}
        mounted = {mount["name"] for mount in container(kind)["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod(kind)["volumes"]}
    assert "USER 10001:10001" in (TOP / "Dockerfile").read_text()


def test_labels_and_selectors_meet() -> None:
    labels = the("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels == PROXY
    assert the("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert the("Service")["spec"]["selector"] == labels
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    spread = pod("Deployment")["topologySpreadConstraints"]
    assert [each["labelSelector"]["matchLabels"] for each in spread] == [labels, labels]
    assert the("Job")["spec"]["template"]["metadata"]["labels"] != labels
    assert the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == the("Deployment")["metadata"]["name"]


def test_ports_are_those_that_the_gateway_listens_on(settings: Settings) -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"http": settings.listen[1], "metrics": settings.admin[1] if settings.admin else 0}
    assert settings.listen[0] == "0.0.0.0"
    assert [port["targetPort"] for port in the("Service")["spec"]["ports"]] == ["http"]
    annotations = the("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["metrics"])


def test_there_are_three_at_least_and_none_is_missed_while_they_are_replaced() -> None:
    scaler, deployment = the("HorizontalPodAutoscaler")["spec"], the("Deployment")["spec"]
    assert scaler["minReplicas"] == 3 and "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert the("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    sleep = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = container()["readinessProbe"]
    assert sleep >= readiness["periodSeconds"] * readiness["failureThreshold"]
    assert pod("Deployment")["terminationGracePeriodSeconds"] > sleep + 30


def test_a_store_that_is_down_takes_traffic_away_and_restarts_nothing() -> None:
    probes = {name: container()[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/.gateway/healthz",
        "readiness": "/.gateway/readyz",
        "liveness": "/.gateway/healthz",
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}


def test_every_secret_that_the_file_names_is_given_to_the_pods() -> None:
    routes = the("ConfigMap")["data"]["routes.toml"]
    for kind in ("Deployment", "Job"):
        given = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container(kind)["env"]}
        assert set(given) == set(VALUES) and all(f'"env:{name}"' in routes for name in given)
        assert all(wanted == {"name": the("Secret")["metadata"]["name"], "key": key} for key, wanted in given.items())
        assert [volume for volume in pod(kind)["volumes"] if volume["name"] == "routes"] == [
            {"name": "routes", "configMap": {"name": the("ConfigMap")["metadata"]["name"]}}
        ]
    assert set(the("Secret")["stringData"]) == set(VALUES)


def test_the_example_of_a_secret_is_refused_until_somebody_makes_one(tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    file.write_text(the("ConfigMap")["data"]["routes.toml"])
    problems = check(file, env=the("Secret")["stringData"]).problems
    assert len(problems) == 1 and "gateway.secret" in problems[0]


def test_only_the_gateway_reaches_the_app_and_only_monitoring_its_metrics(settings: Settings) -> None:
    [app] = settings.apps
    host, _, port = app.upstream.removeprefix("http://").partition(":")
    behind = the("NetworkPolicy", f"{host}-behind-gateway")["spec"]
    assert behind["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": host}
    assert behind["ingress"] == [{"from": [{"podSelector": {"matchLabels": PROXY}}], "ports": [{"port": int(port)}]}]
    allowed = the("NetworkPolicy")["spec"]["ingress"]
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in allowed}
    assert set(by_port) == {"http", "metrics"}
    assert by_port["metrics"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    egress = the("NetworkPolicy")["spec"]["egress"]
    assert {each["port"] for rule in egress for each in rule["ports"]} == {int(port), 5432, 6379, 53}


def test_the_job_brings_the_directory_up_to_date_with_the_same_file() -> None:
    assert container("Job")["args"] == ["migrate", *container()["args"][1:]]
    assert pod("Job")["restartPolicy"] == "Never"
