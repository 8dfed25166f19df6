"""What `meson install` puts where: what a package of mcpledger holds."""

import json
import os
import stat
import subprocess
from pathlib import Path

import ledgerlib
import pytest

EXPECTED = """
bin/mcpledger
bin/mcpledgerd
lib/systemd/system/mcpledgerd.service
share/bash-completion/completions/mcpledger
share/zsh/site-functions/_mcpledger
share/fish/vendor_completions.d/mcpledger.fish
share/man/man1/mcpledger.1
share/man/man5/mcpledger.yaml.5
share/man/man7/mcpledger-query.7
share/man/man8/mcpledgerd.8
share/doc/mcpledger/README.md
share/doc/mcpledger/ARCHITECTURE.md
share/doc/mcpledger/NEWS.md
share/doc/mcpledger/LICENSE
share/doc/mcpledger/mcpledger.yaml
share/mcpledger/demo.ndjson.gz
share/mcpledger/grafana-mcpledger.json
share/mcpledger/openapi.yaml
share/mcpledger/emit/mcpledger_emit.c
share/mcpledger/emit/mcpledger_emit.h
""".split()


def prefix():
    done = subprocess.run(["meson", "introspect", "--buildoptions", ledgerlib.BUILD], capture_output=True, check=True)
    return next(option["value"] for option in json.loads(done.stdout) if option["name"] == "prefix")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that stands for the prefix."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", ledgerlib.BUILD, "--no-rebuild", "--quiet", "--destdir", root],
                   stdout=subprocess.DEVNULL, timeout=120, check=True)
    return root / prefix().lstrip("/")


def test_exactly_these_files_are_installed(installed):
    found = {str(path.relative_to(installed)) for path in installed.rglob("*") if not path.is_dir()}
    assert found == set(EXPECTED)


def test_nobody_else_may_write_them_and_only_programs_run(installed):
    for path in installed.rglob("*"):
        mode = path.stat().st_mode
        assert not mode & (stat.S_IWGRP | stat.S_IWOTH), path
        if path.is_file():
            assert bool(mode & stat.S_IXUSR) == (path.parent.name == "bin"), path


def test_the_programs_run(installed):
    for name in ("mcpledger", "mcpledgerd"):
        done = subprocess.run([installed / "bin" / name, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"{name} ")


def test_the_unit_starts_what_was_installed(installed):
    unit = (installed / "lib/systemd/system/mcpledgerd.service").read_text()
    started = [line.split("=", 1)[1].split()[0] for line in unit.splitlines() if line.startswith("ExecStart")]
    assert started == [str(Path(prefix(), "bin/mcpledgerd"))] * 2
    assert "Install: copy" not in unit


def test_the_unit_lets_threads_that_read_give_way(installed):
    unit = (installed / "lib/systemd/system/mcpledgerd.service").read_text()
    filters = [line.split("=", 1)[1] for line in unit.splitlines() if line.startswith("SystemCallFilter=")]
    refused = max(number for number, filter in enumerate(filters) if "@resources" in filter)
    assert filters[refused + 1:] == ["setpriority sched_setattr"]


def test_the_example_configuration_is_good(installed):
    done = subprocess.run([installed / "bin/mcpledgerd", "-c", installed / "share/doc/mcpledger/mcpledger.yaml",
                           "--check-config"], capture_output=True, text=True, check=False,
                          env=ledgerlib.clean_environment())
    assert (done.returncode, done.stderr) == (0, "")


def test_man_finds_the_pages(installed):
    env = {**os.environ, "MANPATH": str(installed / "share/man"), "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    for section, name in (("1", "mcpledger"), ("5", "mcpledger.yaml"), ("7", "mcpledger-query"), ("8", "mcpledgerd")):
        done = subprocess.run(["man", section, name], capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        assert f"{name.upper()}({section})" in done.stdout


def test_completions_are_those_that_the_program_prints(installed):
    for shell, path in (("bash", "bash-completion/completions/mcpledger"), ("zsh", "zsh/site-functions/_mcpledger"),
                        ("fish", "fish/vendor_completions.d/mcpledger.fish")):
        assert (installed / "share" / path).read_bytes() == ledgerlib.run_cli("completion", shell).stdout
