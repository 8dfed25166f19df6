"""The manual pages are well formed, always the same, and tell everything that the tables of the source hold."""

import os
import re
import subprocess

import examples
import ledgerlib
import pytest

FOLDER = ledgerlib.BUILD / "query" / "man"
PAGES = ["mcpledger.1", "mcpledger.yaml.5", "mcpledger-query.7", "mcpledgerd.8"]
SECTIONS = {
    "mcpledger.1": "NAME, SYNOPSIS, DESCRIPTION, VERBS, OPTIONS, EXIT STATUS, ENVIRONMENT, FILES, SECURITY, EXAMPLES, "
                   "SEE ALSO",
    "mcpledger.yaml.5": "NAME, SYNOPSIS, DESCRIPTION, VALUES, SETTINGS, EXAMPLES, SEE ALSO",
    "mcpledger-query.7": "NAME, SYNOPSIS, DESCRIPTION, KINDS, VERDICTS, EXAMPLES, SEE ALSO",
    "mcpledgerd.8": "NAME, SYNOPSIS, DESCRIPTION, OPTIONS, SIGNALS, EXIT STATUS, ENVIRONMENT, FILES, SECURITY, "
                    "EXAMPLES, SEE ALSO",
}


def run(*command, env=None):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", **(env or {})})


def shown(page):
    """The page as a terminal shows it."""
    done = run("mandoc", "-Tutf8", "-O", "width=200", FOLDER / page)
    assert done.returncode == 0, done.stderr
    return re.sub(".\b", "", done.stdout)


def rows(table, pattern):
    """What a pattern finds in a table of the source."""
    found = re.findall(pattern, (ledgerlib.ROOT / table).read_text(), re.M | re.S)
    assert found
    return found


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_finds_nothing_to_say(page):
    done = run("mandoc", "-T", "lint", "-W", "style", FOLDER / page)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_groff_warns_of_nothing(page):
    done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", FOLDER / page)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_usual_sections_stand_in_their_usual_order(page):
    wanted = SECTIONS[page].split(", ")
    titles = re.findall(r"^(\S.*\S)$", shown(page), re.M)[1:-1]
    assert [title for title in titles if title in wanted] == wanted


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_the_same_whenever_and_wherever_it_is_made(page):
    env = {"TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8", "SOURCE_DATE_EPOCH": "1", "COLUMNS": "40"}
    done = run(FOLDER / "write-page", page, env=env)
    assert done.returncode == 0
    assert done.stdout == (FOLDER / page).read_text()


def test_the_date_is_that_of_the_release():
    date = rows("meson.build", r"^release_date = '(\d{4}-\d\d-\d\d)'")[0]
    for page in PAGES:
        assert f" {date} " in shown(page).splitlines()[-1]


def test_an_unknown_page_is_refused():
    done = run(FOLDER / "write-page", "mcpledger.2")
    assert (done.returncode, done.stdout) == (1, "")


def test_verbs_and_their_options_are_told():
    text = shown("mcpledger.1")
    for name in rows("query/cli_verbs.h", r'^VERB\(\w+, "([\w-]+)"'):
        assert re.search(rf"^ {{7}}{name}\b", text, re.M), name
    for name in rows("query/cli_options.h", r'^OPTION\(\w+, "([\w-]+)"'):
        assert re.search(rf"^ +(-\w, )?--{name}\b", text, re.M), name
    for title in rows("query/cli_verbs.h", r'^GROUP\("([^"]+)"\)'):
        assert f"\n   {title}\n" in text


def test_each_setting_is_told_with_its_default_range_and_variable():
    text = " ".join(shown("mcpledger.yaml.5").split())
    for section, key, initial, least, most in rows(
            "include/tbl/settings.h", r'^SETTING\((\w+), (\w+), \w+, "([^"]*)", "([^"]*)", "([^"]*)"'):
        variable = f"MCPLEDGER_{section}_{key}".upper()
        its = re.search(rf" {section}\.{key} .*? {variable}\b", text)
        assert its, key
        assert f"default {initial or 'empty'}" in its.group()
        assert not most or f"{least} to {most}." in its.group()


def test_the_daemon_tells_its_options_in_help_and_manual():
    text = shown("mcpledgerd.8")
    usage = run(ledgerlib.DAEMON, "--help").stdout
    for name in rows("include/tbl/daemon_options.h", r'^DAEMON_OPTION\(\w+, "([\w-]+)"'):
        assert f"--{name}" in usage
        assert re.search(rf"^ +(-\w, )?--{name}\b", text, re.M), name
    for name in rows("include/tbl/reasons.h", r'^REASON\(\w+, "(\w+)"')[1:]:
        assert f"\n       {name}\n" in text


def test_the_language_is_told_with_every_name_a_field_has():
    text = shown("mcpledger-query.7")
    for name in rows("query/query_names.h", r'^NAME\("([\w-]+)"'):
        assert re.search(rf"^ {{7}}{name}\b", text, re.M), name
    for path in rows("include/tbl/fields.h", r'^FIELD\(\d+, \w+, "([\w.]+)"'):
        assert f"\n         {path} " in text, path
    for title in rows("query/query_help.h", r'^QUERY_PART\("([^"]+)"'):
        assert f"\n   {title}\n" in text


def examples_of(page):
    """The commands of a page's EXAMPLES that ask, each with its continued lines."""
    chapter = shown(page).split("\nEXAMPLES\n")[1].split("\nSEE ALSO\n")[0]
    text = re.sub(r"\\\n\s+", "", chapter)
    return [line.strip() for line in text.splitlines() if line.strip().startswith("mcpledger ")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with examples.running_demo(tmp_path_factory.mktemp("demo")) as daemon:
        yield daemon


@pytest.mark.parametrize("page", ["mcpledger.1", "mcpledger-query.7"])
def test_examples_work_on_the_demo(page, demo, tmp_path):
    commands = examples_of(page)
    assert len(commands) >= 5
    for number, command in enumerate(commands):
        folder = tmp_path / str(number)
        folder.mkdir()
        examples.run(command, demo, folder)
