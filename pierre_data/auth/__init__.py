"""Consent, tokens and their keeping: connect once, stay connected, leak nothing."""

from pierre_data.auth.connection import Connected, Disconnected, connect, connect_async, disconnect
from pierre_data.auth.dialogue import Dialogue, redirect_address
from pierre_data.auth.doctor import diagnose
from pierre_data.auth.filestore import FileTokens
from pierre_data.auth.finding import Finding, report, shareable
from pierre_data.auth.flow import Consent, begin, finish
from pierre_data.auth.granted import missing_scopes
from pierre_data.auth.identities import FixedToken, Identity, identity, key_identities
from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.auth.memory import MemoryTokens
from pierre_data.auth.redact import RedactingFilter, guard_logs
from pierre_data.auth.refresh import TokenSource
from pierre_data.auth.remote import Place, place
from pierre_data.auth.revocation import revoke
from pierre_data.auth.stores import open_tokens
from pierre_data.auth.tokens import Account, Kept, StoredToken, TokenStore
from pierre_data.auth.transfer import export_token, import_token, new_passphrase
from pierre_data.auth.vault import new_key
from pierre_data.auth.wire import TokenRefused, Wire

__all__ = [
    "Account",
    "Connected",
    "Consent",
    "Dialogue",
    "Disconnected",
    "FileTokens",
    "Finding",
    "FixedToken",
    "Identity",
    "Kept",
    "MemoryTokens",
    "Place",
    "Receiver",
    "RedactingFilter",
    "StoredToken",
    "TokenRefused",
    "TokenSource",
    "TokenStore",
    "Wire",
    "begin",
    "connect",
    "connect_async",
    "diagnose",
    "disconnect",
    "export_token",
    "finish",
    "guard_logs",
    "identity",
    "import_token",
    "is_local",
    "key_identities",
    "missing_scopes",
    "new_key",
    "new_passphrase",
    "open_tokens",
    "place",
    "redirect_address",
    "report",
    "revoke",
    "shareable",
]
