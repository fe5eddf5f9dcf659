"""The image, the composition and the service name what exists, with no more rights than needed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from forcedflow.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICE = (ROOT / "deploy" / "forcedflow.service").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def instructions(name):
    """Return what stands behind every instruction of this name, its lines joined."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, flags=re.MULTILINE)


def assert_can_be_typed(words):
    _, _, unused = app.parse_args(words, exit_on_error=False, print_error=False)
    assert not unused


def test_the_image_runs_as_nobody_in_particular():
    assert instructions("USER") == ["10001"]
    after = DOCKERFILE.partition("\nUSER ")[2]
    assert "apt-get" not in after
    assert "pip install" not in after


def test_the_image_serves_on_its_own_loopback_unless_told_otherwise():
    (words,) = instructions("CMD")
    assert json.loads(words) == ["serve"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["forcedflow"]
    assert_can_be_typed(json.loads(words))


def test_the_image_asks_the_server_whether_it_is_well():
    (check,) = instructions("HEALTHCHECK")
    assert ":8480/'" in check


def test_the_image_installs_extras_that_exist_in_the_versions_of_the_lock():
    named = re.findall(r"--extra (\w+)", DOCKERFILE)
    assert {"report", "server", "alerts"} <= set(named) <= set(EXTRAS)
    assert "--require-hashes" in DOCKERFILE
    for copied in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, flags=re.MULTILINE):
        *sources, _ = copied.split()
        assert all((ROOT / source).exists() for source in sources), copied


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_of_the_composition_runs_a_command_that_exists_and_can_write_to_the_lake_alone(
    name,
):
    service = COMPOSE["services"][name]
    assert_can_be_typed(service["command"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "lake:/lake" in service["volumes"]
    volumes = {mounted.partition(":")[0] for mounted in service["volumes"]}
    assert volumes == set(COMPOSE["volumes"])


def test_the_composition_shows_the_server_to_this_machine_alone_and_asks_for_a_token():
    server = COMPOSE["services"]["server"]
    assert server["ports"] == ["127.0.0.1:8480:8480"]
    assert server["environment"]["FORCEDFLOW_TOKEN"].startswith("${FORCEDFLOW_TOKEN:?")
    assert "ports" not in COMPOSE["services"]["recorder"]


def test_the_service_runs_a_command_that_exists_under_a_user_of_its_own():
    (line,) = re.findall(r"^ExecStart=(.*)$", SERVICE, flags=re.MULTILINE)
    program, *words = shlex.split(line)
    assert program == "/opt/forcedflow/bin/forcedflow"
    assert_can_be_typed(words)
    for held in ("DynamicUser=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"):
        assert held in SERVICE
    # Compiled loops are written to memory and run there; with this they would not start.
    assert "MemoryDenyWriteExecute=yes" not in SERVICE


def test_systemd_finds_nothing_wrong_with_the_service(tmp_path):
    unit = tmp_path / "forcedflow.service"
    unit.write_text(SERVICE.replace("/opt/forcedflow/bin/forcedflow", "/bin/true"), "utf-8")
    sections = re.findall(r"^\[(\w+)\]$", SERVICE, flags=re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
    if verify := shutil.which("systemd-analyze"):
        done = subprocess.run([verify, "verify", unit], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
