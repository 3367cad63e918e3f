"""The vocabulary of clients: what is refused, and what stands on the wire."""

import json

import msgspec
import pytest

from crs.wire import vocabulary
from crs.wire.vocabulary import Done, Invite, MessageWaiting, Params, Post, Register, Result, SessionRinging


def decode(params: type[Params], **members) -> Params:
    return msgspec.json.decode(json.dumps(members), type=params)


def test_an_unknown_member_is_refused_so_that_a_typing_mistake_is_told():
    with pytest.raises(msgspec.ValidationError, match="`devcie_id`"):
        decode(Register, device_id="phone", version="1", devcie_id="phone")


@pytest.mark.parametrize("identifier", ["", "a b", "x" * 65, "id\n", "\u00e9"])
def test_an_id_is_of_few_characters_and_ends_where_it_ends(identifier):
    assert decode(Post, id="a.B_c:1-", to="+46701234567", body="").id == "a.B_c:1-"
    with pytest.raises(msgspec.ValidationError, match="id"):
        decode(Post, id=identifier, to="+46701234567", body="")


def test_a_body_has_a_bound():
    body = "x" * vocabulary.MAX_BODY
    assert decode(Invite, id="1", to="+46701234567", body=body).body == body
    with pytest.raises(msgspec.ValidationError, match=f"length <= {vocabulary.MAX_BODY}"):
        decode(Invite, id="1", to="+46701234567", body=body + "x")


def test_calls_made_without_streams_do_not_share_their_list():
    first, second = (decode(Invite, id="1", to="+46701234567") for _ in range(2))
    assert first.streams == second.streams and first.streams is not second.streams


def test_every_params_and_result_is_of_its_base():
    structs = [value for value in vars(vocabulary).values() if isinstance(value, type)]
    for struct in structs:
        if issubclass(struct, Params):
            assert struct.__struct_config__.forbid_unknown_fields, struct
        elif issubclass(struct, Result):
            assert not struct.__struct_config__.forbid_unknown_fields, struct
    assert {Done, *vocabulary.NOTIFICATIONS.values()} <= set(structs)


def test_a_notification_is_json_rpc_and_of_its_own_type():
    line = vocabulary.notification("message.waiting", MessageWaiting(waiting=3))
    assert json.loads(line) == {"jsonrpc": "2.0", "method": "message.waiting", "params": {"waiting": 3}}
    with pytest.raises(AssertionError, match="message.waiting"):
        vocabulary.notification("message.waiting", SessionRinging(session="s", seq=1))
