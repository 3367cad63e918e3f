"""Questions to the operator. On a real terminal they are in test_main."""

import io
import sys

import pytest

from crs.cli import asking
from crs.errors import OperatorFault


@pytest.fixture
def typed(monkeypatch):
    """Give what is typed on the terminal, or comes through a pipe."""

    def give(text: str, terminal: bool = True) -> None:
        standard_input = io.StringIO(text)
        standard_input.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stdin", standard_input)

    return give


@pytest.mark.parametrize("answer", ["y\n", "Y\n", " yes \n"])
def test_a_yes(typed, capsys, answer):
    typed(answer)
    asking.confirm("Delete it?", "it was not deleted")
    assert capsys.readouterr().err == "Delete it? [y/N] "


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
def test_anything_else_is_a_no(typed, answer):
    typed(answer)
    with pytest.raises(OperatorFault, match="it was not deleted: not confirmed"):
        asking.confirm("Delete it?", "it was not deleted")


def test_nobody_is_asked_in_a_pipe(typed, capsys):
    typed("y\n", terminal=False)
    with pytest.raises(OperatorFault, match="it was not deleted: there is no terminal to ask on; add --yes"):
        asking.confirm("Delete it?", "it was not deleted")
    assert capsys.readouterr().err == ""


def test_a_secret_in_a_pipe_is_its_first_line(typed):
    typed(" with spaces \r\nnot this\n", terminal=False)
    assert asking.secret() == " with spaces "
