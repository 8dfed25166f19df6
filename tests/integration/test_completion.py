"""The completion scripts, run by the shells themselves: what each offers at the end of a line."""

import os
import pty
import re
import subprocess

import ledgerlib
import pytest

SHELLS = ["bash", "zsh", "fish"]
SECONDS = 30

BASH = """
source <(mcpledger completion bash)
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
COMP_LINE=$LINE COMP_POINT=${#LINE}
_mcpledger
word=${LINE##* }
tail=${word##*[:=]}
(( ${#COMPREPLY[@]} )) && printf -- "${word%"$tail"}%s\\n" "${COMPREPLY[@]}"
complete -p mcpledger >/dev/null
"""

# Completes as Tab does, in a terminal, and writes down what is added on the way.
ZSH = """
autoload -Uz compinit
compinit -u -d $DUMP
if [[ -n $SOURCED ]]; then source $SOURCED; fi
compadd() {
  local -a found suffix
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -O found "$@"
  zparseopts -E -a suffix S:
  for word in $found; do print -r -- "$IPREFIX$word${suffix[2]}" >>$FOUND; done
  builtin compadd "$@"
}
zle -C capture list-choices _main_complete
zle-line-init() { BUFFER=$LINE; CURSOR=$#BUFFER; zle capture; exit 0 }
zle -N zle-line-init
"""


def environment(**extra):
    return ledgerlib.clean_environment({"PATH": f"{ledgerlib.CLI.parent}:{os.environ['PATH']}", **extra})


def script(shell):
    return ledgerlib.run_cli("completion", shell).stdout.decode()


def in_bash(line, folder):
    done = subprocess.run(["bash", "--norc", "-c", BASH], cwd=folder, env=environment(LINE=line), capture_output=True,
                          text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def in_zsh(line, folder, sourced=False):
    config, found = folder / "zsh", folder / "found"
    functions = config / "functions"
    functions.mkdir(parents=True, exist_ok=True)
    (functions / "_mcpledger").write_text(script("zsh"))
    found.write_text("")
    fpath = "" if sourced else f"fpath=({functions} $fpath)\n"
    (config / ".zshrc").write_text(fpath + ZSH)
    env = environment(LINE=line, ZDOTDIR=str(config), FOUND=str(found), TERM="xterm",
                      DUMP=str(folder.parent / f"zsh-functions-{sourced}"),  # what compinit found, for the next test
                      SOURCED=str(functions / "_mcpledger") if sourced else "")
    main, end = pty.openpty()
    process = subprocess.Popen(["zsh", "-d", "-i"], cwd=folder, env=env, stdin=end, stdout=end, stderr=end,
                               start_new_session=True)
    os.close(end)
    output = b""
    try:
        while piece := os.read(main, 65536):
            output += piece
    except OSError:
        pass  # the terminal of a process that ended
    finally:
        os.close(main)
        process.wait(SECONDS)
    assert process.returncode == 0, output.decode(errors="replace")
    return found.read_text().splitlines()


def in_fish(line, folder):
    loaded = folder / "completions"
    loaded.mkdir(exist_ok=True)
    (loaded / "mcpledger.fish").write_text(script("fish"))
    command = 'source completions/mcpledger.fish; complete -C "$LINE"'
    done = subprocess.run(["fish", "--no-config", "-c", command], cwd=folder, capture_output=True, text=True,
                          env=environment(LINE=line, HOME=str(folder)), timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [offer.split("\t")[0] for offer in done.stdout.splitlines()]


def offers(shell, line, folder):
    """The words that the last one of the line may become."""
    return set({"bash": in_bash, "zsh": in_zsh, "fish": in_fish}[shell](line, folder))


def verbs():
    return set(re.findall(r'^VERB\(\w+, "([\w-]+)"', (ledgerlib.ROOT / "query/cli_verbs.h").read_text(), re.M))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "wanted", "unwanted"), [
    ("mcpledger ", {"timeline", "search", "export", "completion"}, {"tool:", "--data"}),
    ("mcpledger --utc se", {"search"}, {"stats"}),
    ("mcpledger --data store se", {"search"}, {"store"}),
    ("mcpledger --data=store -n 5 se", {"search"}, {"stats"}),
    ("mcpledger search --", {"--data", "--since", "--output", "--sort"}, {"--by", "--scopes"}),
    ("mcpledger token --", {"--scopes", "--tenants", "--file"}, {"--since", "--data"}),
    ("mcpledger stats --b", {"--by"}, {"--data"}),
    ("mcpledger --o", {"--output"}, {"--by"}),
    ("mcpledger search -o ", {"table", "json", "ndjson", "csv"}, {"tool:"}),
    ("mcpledger search --output ", {"table", "json", "ndjson", "csv"}, {"tool:"}),
    ("mcpledger search --output=nd", {"--output=ndjson"}, set()),
    ("mcpledger search --time ", {"event", "recv"}, {"table"}),
    ("mcpledger search ", {"tool:", "user:", "verdict:", "request:"}, {"json"}),
    ("mcpledger search tool:x us", {"user:"}, {"tool:"}),
    ("mcpledger timeline conv", {"conversation:"}, {"tool:"}),
    ("mcpledger search error.ty", {"error.type:"}, {"tool:"}),
    ("mcpledger search verdict:de", {"verdict:denied"}, {"verdict:ok"}),
    ("mcpledger search verdict:error,de", {"verdict:error,denied"}, {"verdict:error,ok"}),
    ("mcpledger search kind:tool_", {"kind:tool_call", "kind:tool_definition"}, {"kind:auth"}),
    ("mcpledger stats --by ", {"server", "tool", "user"}, {"json", "server:"}),
    ("mcpledger stats --by server,to", {"server,tool"}, {"server,user"}),
    ("mcpledger help sea", {"search"}, {"stats"}),
    ("mcpledger help que", {"query"}, {"search"}),
    ("mcpledger completion ", {"bash", "zsh", "fish"}, {"tool:"}),
])
def test_a_shell_offers_what_fits(shell, line, wanted, unwanted, tmp_path):
    offered = offers(shell, line, tmp_path)
    assert wanted <= offered
    assert not unwanted & offered


@pytest.mark.parametrize("shell", SHELLS)
def test_all_verbs_are_offered(shell, tmp_path):
    assert offers(shell, "mcpledger ", tmp_path) == verbs()


@pytest.mark.parametrize("shell", SHELLS)
def test_files_and_folders_are_offered_where_they_are_taken(shell, tmp_path):
    (tmp_path / "a-file").write_text("")
    (tmp_path / "a-folder").mkdir()

    def found(line):
        return {name.rstrip("/") for name in offers(shell, line, tmp_path)} & {"a-file", "a-folder"}

    assert found("mcpledger import a-") >= {"a-file"}
    assert found("mcpledger search --token-file a-") >= {"a-file"}
    assert found("mcpledger search --data a-") == {"a-folder"}
    assert found("mcpledger search a-") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_a_term_excludes_is_completed_too(shell, tmp_path):
    assert "-tool:" in offers(shell, "mcpledger search -to", tmp_path)
    assert "-verdict:ok" in offers(shell, "mcpledger search -verdict:o", tmp_path)


def test_in_zsh_the_script_may_be_sourced(tmp_path):
    assert "search" in in_zsh("mcpledger sea", tmp_path, sourced=True)


def test_bash_tells_readline_only_what_it_replaces(tmp_path):
    """Behind a colon, which breaks words: not the field again, and no blank behind a field."""
    probe = BASH.replace("word=${LINE##* }", "printf '%s\\n' \"${COMPREPLY[@]}\"; exit")
    done = subprocess.run(["bash", "--norc", "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=environment(LINE="mcpledger search verdict:error,de"), timeout=SECONDS)
    assert done.stdout == "error,denied\n"


def test_an_unknown_shell_is_wrong_use():
    for words in ((), ("tcsh",), ("bash", "zsh")):
        done = ledgerlib.run_cli("completion", *words, status=2)
        assert b"bash, zsh or fish" in done.stderr
