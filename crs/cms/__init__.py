"""The reference CMS: the key manager of one account, as far as the CRS and its clients need one.

Lives here: what a CMS keeps (``state``), what it hands out (``issue``), the command line (``main``). Never here:
formats (they are ``trust``'s), or anything of a running CRS: they share only the account id, the secret and files.
"""
