"""Each question of an investigation has a one-line answer: what the raw data says, from a directory and a daemon."""

import json
import shlex

import investigation
import ledgerlib
import pytest

QUESTIONS_MIN = 25


@pytest.fixture(scope="module")
def raw():
    there = (ledgerlib.SHARED_DATA / investigation.AGENTDOJO).exists()
    return investigation.Raw(ledgerlib.SHARED_DATA if there else None)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, raw):
    """A running daemon with the raw data; tests only read from it."""
    made = ledgerlib.Daemon(tmp_path_factory.mktemp("investigation")).start()
    try:
        raw.load(made)
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("question", investigation.QUESTIONS, ids=lambda question: question.text)
def test_a_question_has_the_answer_of_the_raw_data(daemon, raw, question):
    if question.needs_agentdojo and not raw.agentdojo:
        pytest.skip("shared data absent")
    arguments = shlex.split(investigation.command_of(question, raw))
    wanted = question.wanted(raw)
    done = daemon.cli_on_store(*arguments, "-o", "json", status=None)
    assert done.returncode in (0, 1), done.stderr  # 1: nothing is found, which may be what was asked
    assert wanted, "a question without an answer shows nothing"
    assert question.found(json.loads(done.stdout)) == wanted


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("question", investigation.QUESTIONS, ids=lambda question: question.text)
def test_a_question_over_the_daemon_has_the_same_answer(daemon, raw, question, form):
    if question.needs_agentdojo and not raw.agentdojo:
        pytest.skip("shared data absent")
    arguments = [*shlex.split(investigation.command_of(question, raw)), "-o", form, "--utc"]
    there, here = daemon.cli(*arguments, status=None), daemon.cli_on_store(*arguments, status=None)
    assert here.returncode in (0, 1), here.stderr
    assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)


def test_there_are_enough_questions():
    assert len(investigation.QUESTIONS) >= QUESTIONS_MIN
