"""The manual pages: those in doc/man are what the programs' texts make, whole, and nothing but man(7)."""

from pathlib import Path

import pytest

from crs.cli.actions import ACTIONS, EXIT_CODES
from crs.cli.options import OPTIONS
from crs.config.directives import DIRECTIVES
from crs.daemon.main import USAGE
from crs.docs.manpages import PAGES, main

FOLDER = Path(__file__).parents[2] / "doc" / "man"
MACROS = {".TH", ".SH", ".TP", ".B", ".I", ".br"}


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_up_to_date(name, tmp_path):
    main(tmp_path)
    made = (tmp_path / name).read_text()
    assert (FOLDER / name).read_text() == made, "to make them anew: python -m crs.docs.manpages doc/man"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_plain_man_7(name):
    for line in PAGES[name]().splitlines():
        assert not line.startswith("'") and (not line.startswith(".") or line.split(" ")[0] in MACROS), line
        assert "\\" not in line.replace("\\-", "").replace("\\&", "").replace("\\e", ""), line


def shown(name: str) -> str:
    """The page without what only the renderer reads."""
    return PAGES[name]().replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def test_every_action_option_and_exit_code_is_there():
    page = shown("crs-cli.1")
    for words, action in ACTIONS.items():
        assert f"\n.TP\n.B {words} {action.arguments}\n{action.help}\n" in page
    for term, text in [
        *((head, option.help) for head, option in OPTIONS.items()),
        *((str(code), text) for code, text in EXIT_CODES.items()),
    ]:
        assert f"\n.TP\n.B {term}\n{text}\n" in page


def test_every_option_of_crsd_is_there():
    page = shown("crsd.8")
    flags = {line.split()[0] for line in USAGE.split("Options:")[1].splitlines() if line.startswith("  --")}
    assert flags and all(f"\n.B {flag}" in page for flag in flags)
    assert "crsd --check [--home DIR]" in page and "Ctrl-C ends it." in page


def test_every_directive_is_there():
    page = shown("crs.conf.5")
    for row in DIRECTIVES:
        assert (f"\n.B {row.usage}\n{row.help}" in page) == (not row.obsolete), row.name
    assert "Default: 5223." in page
