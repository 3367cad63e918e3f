"""Conference rooms and storage of the reference client, against a whole host."""

import pytest

from crs.client.phone import Phone
from crs.errors import Conflict, NotFound
from test.client.programs import PATIENCE
from test.hosts import wait_for


@pytest.fixture(scope="module")
def phones(domain):
    """Three clients that are attached, for all of this file."""
    begun = [Phone(file).start() for file in domain.credentials(3)]
    for phone in begun:
        phone.wait_ready(PATIENCE)
    yield begun
    for phone in begun:
        phone.close()


def make(host, number, phones) -> None:
    host.cli("create", "conference-room", number, "acme", phones[0].credential.uri)
    for phone in phones:
        wait_for(lambda phone=phone: phone.rooms.lookup(number), "the room is known")


def heard(sender, receiver, text) -> bool:
    sender.send(text)
    while (data := receiver.receive(0.2)) is not None:
        if data == text:
            return True
    return False


def test_a_conference_of_three_also_after_a_worker_was_killed(domain, phones):
    make(domain.host, "100100", phones)
    rooms = [phone.rooms.join("100100") for phone in phones]
    for room in rooms:
        assert room.bound.wait(PATIENCE)
    wait_for(lambda: all(len(room.members) == 3 for room in rooms), "everybody knows everybody")
    rooms[0].send(b"hello")
    assert [room.receive(PATIENCE) for room in rooms[1:]] == [b"hello"] * 2
    for worker in ("app:attach:0", "app:attach:1"):
        domain.host.kill(worker)
    for phone in phones:
        wait_for(lambda phone=phone: phone.client.attaches > 1 and phone.client.registered, "attached again")
    wait_for(lambda: heard(rooms[1], rooms[2], b"still here"), "the conference goes on")
    rooms[2].leave()
    wait_for(lambda: len(rooms[0].members) == 2, "the others know")
    for room in rooms[:2]:
        room.leave()
    assert phones[0].rooms.live() == []


def test_a_room_that_is_not_there(phones):
    with pytest.raises(NotFound):
        phones[0].rooms.join("999999")


def test_storage(phones):
    storage = phones[0].storage
    assert storage.get("contacts") is None
    first = storage.put("contacts", b"\0 sealed", "")
    assert storage.get("contacts").value == b"\0 sealed" and storage.get("contacts").id == first
    with pytest.raises(Conflict) as refused:
        storage.put("contacts", b"other", "")
    assert refused.value.details == {"id": first}
    storage.put("contacts", b"other", first)
    assert [stored.type for stored in storage.list()] == ["contacts"]
    assert phones[1].storage.list() == []
    storage.delete("contacts")
    assert storage.get("contacts") is None


def test_the_operator_sees_what_the_client_tells_of_itself(domain, phones):
    rows = wait_for(lambda: domain.host.rows("show", "client-info", "acme"), "client info")
    assert phones[0].credential.uri in {row["uri"] for row in rows}
