"""The two ends of a call, and a whole host with an account (one for each file that asks for it)."""

import pytest

from crs.client.phone import Phone
from test.client.parties import ALICE, BOB, Party
from test.client.programs import PATIENCE, Domain
from test.hosts import running


@pytest.fixture
def alice():
    return Party(ALICE)


@pytest.fixture
def bob():
    return Party(BOB)


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    directory = tmp_path_factory.mktemp("client")
    with running(directory) as host:
        yield Domain(host, directory)


@pytest.fixture
def phones(domain):
    """``phones(2)``: clients that are attached; closed afterwards."""
    begun = []

    def begin(count: int, **options):
        for file in domain.credentials(count):
            begun.append(Phone(file, **options).start())
        for phone in begun:
            phone.wait_ready(PATIENCE)
        return begun

    yield begin
    for phone in begun:
        phone.close()
