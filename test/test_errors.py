"""Errors: what the other side sees of them, and whose fault each is."""

import pytest

from crs import errors
from crs.errors import ClientFault, OperatorFault, RpcError, WorldFault

SHOWN = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, RpcError) and error not in (RpcError, ClientFault, WorldFault)
]


@pytest.mark.parametrize("error", SHOWN)
def test_an_error_of_the_protocol_has_a_code_and_says_whose_fault_it_was(error):
    assert issubclass(error, ClientFault) != issubclass(error, WorldFault)
    assert error.code in range(-32700, -32599) or error.code in range(400, 700)
    assert error().data() == {"error": error.error} | ({"retry": True} if issubclass(error, WorldFault) else {})


def test_each_has_a_word_of_its_own():
    assert len({error.error for error in SHOWN}) == len(SHOWN)


def test_the_text_is_the_word_where_none_is_given():
    assert str(errors.QuotaExceeded()) == "quota exceeded"
    assert str(errors.QuotaExceeded("1000 messages wait")) == "1000 messages wait"


def test_details_are_further_members_of_data():
    assert errors.Busy("no relay", kind="rtp").data() == {"error": "limit-reached", "retry": True, "kind": "rtp"}


def test_a_fault_of_the_operator_is_no_error_of_the_protocol():
    assert not issubclass(OperatorFault, RpcError) and issubclass(errors.UpdateRefused, OperatorFault)
