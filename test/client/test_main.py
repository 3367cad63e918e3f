"""The command line of crs-client."""

import mock
import pytest

from crs.client import script
from crs.client.main import main
from crs.trust.address import ServerAddress


@pytest.mark.parametrize("words", [[], ["a.json", "dance"], ["a.json", "call"], ["a.json", "--colour"]])
def test_what_is_not_understood_is_exit_2_with_the_usage(words, capsys):
    assert main(words) == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_credential_that_is_not_there_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err.startswith(f"crs-client: cannot read {tmp_path}/none.json")


@pytest.mark.parametrize("words", [["send", "+46701234567"], ["fetch"], ["call", "+46701234567"], ["answer"]])
def test_an_action_gets_the_phone_and_gives_the_exit_code(words):
    action = mock.Mock(return_value=7)
    with mock.patch("crs.client.main.Phone") as phone, mock.patch.dict(script.ACTIONS, {words[0]: action}):
        assert main(["a.json", "--server", "[::1]:99", "--secondary", *words]) == 7
    assert phone.call_args.args == ("a.json", [ServerAddress("::1", 99)], None)
    assert phone.call_args.kwargs["type"] == "secondary"
    started = phone.return_value.start.return_value
    assert action.call_args.args[0] is started
    started.close.assert_called_once_with()


def test_a_wrong_server_address_is_told_in_a_line(capsys):
    assert main(["a.json", "--server", "nonsense:port:0"]) == 1
    assert capsys.readouterr().err.startswith("crs-client: server 'nonsense:port:0' is not valid")
