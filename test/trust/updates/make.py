"""Writes the update files beside it: `python -m test.trust.updates.make`, when a case is added or the format changes.

Each file `invalid/<case>.upd` has a twin `<case>.expected`: the class of the refusal, then words of its text. The host
that they meet is described by SECRETS and NOW. Ciphertexts differ from run to run, their meanings do not.
"""

import json
from pathlib import Path

from crs.trust import fields, jose, months, tokens, update
from crs.trust.identity import hkdf

HERE = Path(__file__).parent
SECRETS = {"acme": "the secret of acme", "beta": "the secret of beta"}
NOW = months.start("202611") + 14 * months.DAY
DOMAIN = tokens.domain_token(jose.new_key("Ed25519", bytes(32)), "acme")
FOREIGN = DOMAIN.replace("acme", "beta")

CONTENT = {
    "account": "acme",
    "month": "202611",
    "created": NOW - 1000,
    "domain_token": DOMAIN,
    "domains": ["beta"],
    "month_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "clients": {"+46701234567": "opaque", "urn:x-crs:client:desk": "opaque too"},
}


def content(**changed) -> bytes:
    return json.dumps({**CONTENT, **changed}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in CONTENT.items() if key != name}).encode()


def protected(plaintext: bytes, secret: str = SECRETS["acme"], **head) -> bytes:
    """A protected file whose content and header need not make sense."""
    account = head.get("kid", "acme")
    check = fields.b64(hkdf(secret.encode(), f"crs-update-check:{account}", 8))
    head = {"typ": "crs-update", "ver": 1, "kid": account, "kcv": check, **head}
    head = {name: value for name, value in head.items() if value is not None}
    return jose.encrypt(head, plaintext, hkdf(secret.encode(), f"crs-update:{account}")).encode()


def reheaded(data: bytes, **changed) -> bytes:
    """``data`` with members of its protected header changed by somebody who does not have the secret."""
    head, _, rest = data.partition(b".")
    return fields.b64(json.dumps({**json.loads(fields.unb64(head)), **changed}).encode()).encode() + b"." + rest


def flipped(data: bytes, part: int) -> bytes:
    """``data`` with one bit changed in the first character of a part."""
    parts = data.split(b".")
    parts[part] = bytes([parts[part][0] ^ 1]) + parts[part][1:]
    return b".".join(parts)


GOOD = protected(content())
JWS = jose.sign({"typ": "crs-client"}, b"{}", jose.new_key("Ed25519", bytes(32))).encode()

VALID = {
    "current-month": GOOD,
    "line-end-added-by-mail": b"\r\n" + GOOD + b"\r\n",
    "next-month": protected(content(month="202612")),
    "no-clients-no-domains": protected(content(clients={}, domains=[])),
}

INVALID = {
    "empty": (b"", "NotAnUpdate", "not a protected update file"),
    "text": (b"Dear operator, the update is attached.\n", "NotAnUpdate", "not a protected update file"),
    "binary": (bytes(range(256)), "NotAnUpdate", "not a protected update file"),
    "unprotected": (content(), "NotAnUpdate", "not a protected update file"),
    "client-token": (JWS, "NotAnUpdate", "something else"),
    "other-type": (reheaded(GOOD, typ="crs-crypto-update"), "NotAnUpdate", "something else"),
    "later-version": (protected(content(), ver=2), "OtherVersion", "version 2"),
    "cut-in-header": (GOOD[:40], "Truncated", "cut short"),
    "cut-after-header": (GOOD[: GOOD.index(b".") + 1], "Truncated", "cut short"),
    "cut-in-content": (GOOD[: len(GOOD) // 2], "Truncated", "cut short"),
    "cut-in-tag": (GOOD[:-1], "Truncated", "cut short"),
    "changed-iv": (flipped(GOOD, 2), "Damaged", "changed or damaged"),
    "changed-content": (flipped(GOOD, 3), "Damaged", "changed or damaged"),
    "changed-tag": (flipped(GOOD, 4), "Damaged", "changed or damaged"),
    "added-key": (GOOD.replace(b"..", b".AAAA."), "Damaged", "changed or damaged"),
    "added-part": (GOOD + b".AAAA", "Damaged", "changed or damaged"),
    "wrapped-by-mail": (GOOD[:76] + b"\r\n" + GOOD[76:], "Damaged", "its header"),
    "wrapped-later": (GOOD[:400] + b"\r\n" + GOOD[400:], "Damaged", "changed or damaged"),
    "alg-none": (reheaded(GOOD, alg="none"), "Damaged", "$.alg"),
    "alg-password": (reheaded(GOOD, alg="PBES2-HS256+A128KW", p2c=2**31, p2s="AAAA"), "Damaged", "$.alg"),
    "compressed": (reheaded(GOOD, zip="DEF"), "Damaged", "zip"),
    "critical": (reheaded(GOOD, crit=["exp"]), "Damaged", "crit"),
    "header-nested": (fields.b64(b'{"x":' * 5000).encode() + b"....", "Damaged", "its header"),
    "account-no-name": (reheaded(GOOD, kid="../acme"), "Damaged", "$.kid"),
    "account-renamed": (reheaded(GOOD, kid="beta"), "WrongSecret", "account beta"),
    "foreign": (protected(content(account="gamma"), kid="gamma"), "UnknownAccount", "account gamma"),
    "wrong-secret": (protected(content(), "another secret"), "WrongSecret", "another shared secret"),
    "secret-with-space": (protected(content(), SECRETS["acme"] + " "), "WrongSecret", "another shared secret"),
    "other-account-inside": (
        protected(content(account="beta", domains=[], domain_token=FOREIGN)),
        "BadContent",
        "account beta inside",
    ),
    "not-json": (protected(b"\x00\x01"), "BadContent", "content is wrong"),
    "not-utf8": (protected(b'{"account":"\xff"}'), "BadContent", "content is wrong"),
    "nested": (protected(b"[" * 5000), "BadContent", "content is wrong"),
    "list": (protected(b"[]"), "BadContent", "content is wrong"),
    "unknown-member": (protected(content(**{"x\x1b[31m\n": 1})), "BadContent", "unknown field `x?[31m?`"),
    "month-13": (protected(content(month="202613")), "BadContent", "$.month"),
    "created-text": (protected(content(created="now")), "BadContent", "$.created"),
    "created-negative": (protected(content(created=-1)), "BadContent", "$.created"),
    "created-beyond-time": (protected(content(created=10**17)), "BadContent", "$.created"),
    "month-key-short": (protected(content(month_key="AAAA")), "BadContent", "$.month_key"),
    "month-key-no-base64": (protected(content(month_key="!" * 44)), "BadContent", "$.month_key"),
    "domain-token-text": (protected(content(domain_token="key")), "BadContent", "domain token"),
    "domain-token-foreign": (protected(content(domain_token=FOREIGN)), "BadContent", "kid"),
    "domain-token-curve": (protected(content(domain_token=DOMAIN.replace("Ed25519", "X25519"))), "BadContent", "curve"),
    "domain-token-key": (protected(content(domain_token=DOMAIN.replace('"x":"O', '"x":"!'))), "BadContent", "$.x"),
    "domains-itself": (protected(content(domains=["acme"])), "BadContent", "$.domains"),
    "domains-twice": (protected(content(domains=["beta", "beta"])), "BadContent", "$.domains"),
    "domains-no-name": (protected(content(domains=["be ta"])), "BadContent", "$.domains"),
    "domains-line-end": (protected(content(domains=["beta\n"])), "BadContent", "$.domains"),
    "month-line-end": (protected(content(month="202611\n")), "BadContent", "$.month"),
    "client-not-normal": (protected(content(clients={"+46 70 123": "x"})), "BadContent", "+4670123"),
    "client-no-uri": (protected(content(clients={"bob\x1b": "x"})), "BadContent", "URI"),
    "client-empty": (protected(content(clients={"+46701": ""})), "BadContent", "$.clients"),
    "client-too-long": (protected(content(clients={"+46701": "x" * 65_537})), "BadContent", "$.clients"),
    "client-number": (protected(content(clients={"+46701": 7})), "BadContent", "$.clients"),
    "last-year": (protected(content(month="202511")), "Expired", "202511"),
    "previous-month-after-grace": (protected(content(month="202610")), "Expired", "202610"),
    "month-after-next": (protected(content(month="202701")), "TooEarly", "apply it in 202612"),
    "created-in-the-future": (protected(content(created=NOW + 2 * months.DAY)), "TooEarly", "clocks"),
}
INVALID.update({f"no-{name}": (protected(without(name)), "BadContent", f"`{name}`") for name in CONTENT})


def main() -> None:
    for case, data in VALID.items():
        (HERE / "valid" / f"{case}.upd").write_bytes(data)
    for case, (data, refusal, words) in INVALID.items():
        (HERE / "invalid" / f"{case}.upd").write_bytes(data)
        (HERE / "invalid" / f"{case}.expected").write_text(f"{refusal}\n{words}\n")


if __name__ == "__main__":
    assert update.unprotect(GOOD, SECRETS.get, NOW)
    main()
