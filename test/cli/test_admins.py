"""Remote admins, their accounts and authorizations."""

SECRET = "AAECAwQFBgcICQoLDA0ODw=="  # the bytes 0 to 15


def test_an_admin_from_beginning_to_end(operator, accounts):
    created = operator("create admin ann")
    assert (created.columns, created.rows) == (("Name", "Secret"), [("ann", SECRET)])
    assert operator("show admin ann") == created
    assert operator.refuses("create admin ann") == "admin ann exists already; crs-cli show admin ann shows it"
    for account in ("beta", "acme"):
        operator(f"add admin-account ann {account}")
    assert operator.refuses("add admin-account ann acme") == "admin ann has access to account acme already"
    operator("create admin ben")
    shown = operator("show admins")
    assert (shown.columns, shown.rows) == (("Admin", "Accounts"), [("ann", ["acme", "beta"]), ("ben", [])])
    for authorization in ("update", "statistics"):
        operator(f"add admin-account-authorization ann acme {authorization}")
    assert operator.refuses("add admin-account-authorization ann acme update") == (
        "admin ann has the authorization update for account acme already"
    )
    shown = operator("show admin-accounts ann")
    assert (shown.columns, shown.rows) == (
        ("Account", "Authorizations"),
        [("acme", ["statistics", "update"]), ("beta", [])],
    )
    operator("delete admin-account-authorization ann acme update")
    assert operator.refuses("delete admin-account-authorization ann acme update") == (
        "admin ann has no authorization update for account acme; crs-cli show admin-accounts ann shows what it has"
    )
    assert operator("show admin-accounts ann").rows == [("acme", ["statistics"]), ("beta", [])]
    operator("delete admin-account ann acme")
    assert operator("show admin-accounts ann").rows == [("beta", [])]
    operator("delete admin ann")
    assert operator("show admins").rows == [("ben", [])]
