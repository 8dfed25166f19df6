"""What the documents say about the tree is true."""

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
