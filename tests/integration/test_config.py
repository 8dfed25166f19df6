"""The shipped configuration, and what the daemon says about a wrong one."""

import subprocess

import ledgerlib


def run_daemon(*arguments, env=None):
    return subprocess.run([str(ledgerlib.DAEMON), *map(str, arguments)], capture_output=True, text=True,
                          env=ledgerlib.clean_environment(env), timeout=30, check=False)


def test_print_config_equals_the_shipped_file():
    shipped = (ledgerlib.ROOT / "config" / "mcpledger.yaml").read_text()
    done = run_daemon("--print-config")
    assert done.returncode == 0, done.stderr
    assert done.stdout == shipped


def test_the_shipped_file_is_a_valid_configuration():
    done = run_daemon("-c", ledgerlib.ROOT / "config" / "mcpledger.yaml", "--check-config")
    assert done.returncode == 0, done.stderr


def test_a_wrong_file_is_refused_with_place_and_nearest_name(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("http:\n  lisen: 127.0.0.1:0\n")
    done = run_daemon("-c", path, "--check-config")
    assert done.returncode == 2
    assert f"{path}:2:3: unknown key http.lisen; did you mean http.listen?" in done.stderr


def test_an_unknown_variable_warns():
    done = run_daemon("--check-config", env={"MCPLEDGER_HTTP_LISTN": "127.0.0.1:0"})
    assert done.returncode == 0
    assert "MCPLEDGER_HTTP_LISTN is not a setting; did you mean MCPLEDGER_HTTP_LISTEN?" in done.stderr
