"""Consent, tokens and their keeping: connect once, stay connected, leak nothing."""

from pierre_data.auth.consent import Dialogue
from pierre_data.auth.doctor import Diagnosis, diagnose, report
from pierre_data.auth.encryption import export_token, import_token, new_key, new_passphrase
from pierre_data.auth.filestore import FileTokens
from pierre_data.auth.identities import FixedToken, Identity, identity, key_identities
from pierre_data.auth.login import Connected, Disconnected, connect, disconnect
from pierre_data.auth.stores import open_tokens
from pierre_data.auth.tokens import Account, MemoryTokens, StoredToken, TokenStore

__all__ = [
    "Account",
    "Connected",
    "Diagnosis",
    "Dialogue",
    "Disconnected",
    "FileTokens",
    "FixedToken",
    "Identity",
    "MemoryTokens",
    "StoredToken",
    "TokenStore",
    "connect",
    "diagnose",
    "disconnect",
    "export_token",
    "identity",
    "import_token",
    "key_identities",
    "new_key",
    "new_passphrase",
    "open_tokens",
    "report",
]
