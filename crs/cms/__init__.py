"""The reference CMS: the key manager of one account, as far as the CRS and its clients need one.

What it keeps is in ``state``, what it hands out in ``issue``, the command line in ``main``; the formats are those of
``trust``. It needs nothing of a running CRS: the two share the account id, the secret and files.
"""
