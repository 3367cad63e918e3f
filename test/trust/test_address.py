"""Server addresses as a person types them."""

import pytest

from crs.errors import OperatorFault
from crs.trust import address


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("crs.example.org", "crs.example.org", 5223),
        ("crs.example.org:443", "crs.example.org", 443),
        ("127.0.0.1:5223", "127.0.0.1", 5223),
        ("[::1]:99", "::1", 99),
        ("[2001:db8::1]", "2001:db8::1", 5223),
    ],
)
def test_an_address_as_typed(text: str, host: str, port: int) -> None:
    assert address.parse(text) == address.ServerAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5223",
        "x:",
        "x:y",
        "x:0",
        "x:65536",
        "x:1:2",
        "::1",
        "[x]:1",
        "[::1",
        "a b",
        "-x",
        "a..b",
        "x" * 254,
        "x." * 127 + "x",
        "é",
        "http://x",
        "[]:1",
        "[127.0.0.1]",
    ],
)
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(OperatorFault, match="host:port"):
        address.parse(text)
