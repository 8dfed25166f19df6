"""What the documents say about the tree is true."""

import fnmatch
import re

import ledgerlib

ROOT = ledgerlib.ROOT
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "NEWS.md"]


def read(name):
    return (ROOT / name).read_text()


def all_tests():
    files = [path for suffix in ("c", "py") for path in (ROOT / "tests").rglob(f"test_*.{suffix}")]
    text = "\n".join(path.read_text() for path in files)
    return set(re.findall(r"^(?:static void|def) (\w+)\(", text, re.M))


def test_each_invariant_names_tests_that_exist():
    chapter = read("ARCHITECTURE.md").split("\n## Invariants\n")[1].split("\n## ")[0]
    invariants = re.split(r"^\*\*(\d+)\.", chapter, flags=re.M)[1:]
    assert invariants[::2] == [str(number) for number in range(1, len(invariants) // 2 + 1)]
    known = all_tests()
    for number, text in zip(invariants[::2], invariants[1::2], strict=True):
        tests = re.findall(r"`(\w+)`", text.rpartition("Tests:")[2])
        assert tests, f"invariant {number} names no test"
        missing = [test for test in tests if test not in known]
        assert not missing, f"invariant {number} names {missing}"


FOLDERS = "include|lib|emit|query|collector|config|dashboards|tests"


def test_files_that_documents_name_exist():
    for document in DOCUMENTS:
        for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", read(document)):
            assert "NAME" in name or (ROOT / name).exists(), f"{document} names {name}"


def test_files_that_the_architecture_names_without_their_folder_exist():
    names = {path.name for folder in FOLDERS.split("|") for path in (ROOT / folder).rglob("*.*")}
    for name in re.findall(r"`([\w*]+\.[ch])`", read("ARCHITECTURE.md")):
        assert fnmatch.filter(names, name), f"ARCHITECTURE.md names {name}"


def test_links_between_documents_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", read(document)):
            assert (ROOT / target).exists(), f"{document} links to {target}"


def test_settings_that_documents_name_exist():
    table = read("include/tbl/settings.h")
    settings = {f"{section}.{key}" for section, key in re.findall(r"^SETTING\((\w+), (\w+),", table, re.M)}
    sections = {name.split(".")[0] for name in settings}
    for document in DOCUMENTS:
        for name in re.findall(r"`(\w+\.\w+)`", read(document)):
            if name.split(".")[0] in sections and not (ROOT / name).exists():
                assert name in settings, f"{document} names {name}"


def code(document):
    """What stands in the document as code: blocks and spans."""
    text = read(document)
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)))


def rows(table, macro):
    return set(re.findall(rf'^{macro}\(\w+, "([\w-]+)"', read(table), re.M))


def test_verbs_that_documents_name_exist():
    verbs = rows("query/cli_verbs.h", "VERB") | {"VERB"}
    called = re.compile(r"(?:^|[/ (|])mcpledger(?: --data mcpledger-data)? ([a-zA-Z][\w-]*)", re.M)
    for document in DOCUMENTS:
        named = set(called.findall(code(document)))
        assert named <= verbs, f"{document} names {named - verbs}"


def test_options_that_documents_name_exist():
    known = rows("query/cli_options.h", "OPTION") | rows("include/tbl/daemon_options.h", "DAEMON_OPTION")
    known |= set(re.findall(r"--([a-z][\w-]+)", read("dev"))) | {"help", "NAME"}
    for document in DOCUMENTS:
        named = set(re.findall(r"(?<![\w-])--([a-z][\w-]+)", code(document)))
        assert named <= known, f"{document} names {named - known}"


def test_verbs_of_dev_that_documents_name_exist():
    verbs = set(re.findall(r"^verb_(\w+)\(\)", read("dev"), re.M))
    for document in DOCUMENTS:
        named = set(re.findall(r"\./dev (\w+)", read(document)))
        assert named <= verbs, f"{document} names {named - verbs}"


def all_sources():
    files = [path for folder in FOLDERS.split("|") for path in (ROOT / folder).rglob("*.[ch]")]
    return "\n".join(path.read_text() for path in files)


def test_functions_and_metrics_that_the_architecture_names_exist():
    sources = all_sources()
    words = set(re.findall(r"[\w*]+", sources))
    spans = re.findall(r"`([a-z]+(?:_[a-z]+)+)(?:\{[^`]*)?`", read("ARCHITECTURE.md"))
    unknown = set(spans) - words - all_tests()
    assert spans
    assert not unknown, f"ARCHITECTURE.md names {unknown}"


def test_the_code_map_shows_every_folder_of_code():
    chapter = read("ARCHITECTURE.md").split("\n## Code map\n")[1].split("\n## ")[0]
    mapped = {name.strip("/") for name in re.findall(r"^\| `([\w/]+)`", chapter, re.M)}
    missing = [name for name in mapped if not (ROOT / name).is_dir()]
    assert not missing
    folders = {path.parent.relative_to(ROOT) for top in ("lib", "emit", "query", "collector")
               for path in (ROOT / top).rglob("*.c")}
    assert {str(folder) for folder in folders} - mapped == {"lib"}
