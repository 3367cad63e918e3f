"""Names: what is normalised, what is refused."""

import pytest

from crs import names


@pytest.mark.parametrize(
    "text, uri",
    [
        ("+46701234567", "+46701234567"),
        ("tel:+46701234567", "+46701234567"),
        ("TEL:+46 70-123.45(67)", "+46701234567"),
        ("urn:x-crs:client:test-1-ab", "urn:x-crs:client:test-1-ab"),
        ("URN:X-CRS:client:a", "urn:x-crs:client:a"),
    ],
)
def test_uri_is_normalised(text, uri):
    assert names.uri(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "46701234567",
        "+0701234567",
        "+1",
        "+1234567890123456",
        "+46a",
        "tel:",
        "urn:x-crs:client:",
        "sip:a@b",
        "urn:x-crs:client:" + "a" * 41,
        "urn:x-crs:client:a b",
        "urn:other:a",
        "+46\n70",
        None,
        46701234567,
        "+４６７０",
    ],
)
def test_uri_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match="such as \\+46701234567"):
        names.uri(text)


@pytest.mark.parametrize("text", ["a", "ACME-north_1", "x" * 20])
def test_account(text):
    assert names.account(text) == text


@pytest.mark.parametrize("text", ["", "x" * 21, "a b", "a@b", "å", None, "a\n"])
def test_account_is_refused(text):
    with pytest.raises(ValueError, match="1 to 20"):
        names.account(text)


def test_client():
    assert names.client("tel:+46 70@acme") == names.Client("+4670", "acme")
    assert str(names.Client("+4670", "acme")) == "+4670@acme"
    with pytest.raises(ValueError, match="uri@account"):
        names.client("+4670")


@pytest.mark.parametrize("text", ["202600", "202613", "26-11", "2026-11", "20261", None])
def test_month_is_refused(text):
    with pytest.raises(ValueError, match="yyyymm"):
        names.month(text)


def test_one_of_several_has_a_number():
    assert [names.numbered("attach", 0), names.numbered("attach", 12), names.numbered("relay", None)] == [
        "attach:0",
        "attach:12",
        "relay",
    ]
