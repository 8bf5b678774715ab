"""Consent, tokens and their keeping: connect once, stay connected, leak nothing."""

from pierre_data.auth.connection import Connection
from pierre_data.auth.consent import Consent, Dialogue, redirect_address
from pierre_data.auth.doctor import Diagnosis, diagnose, report, shareable
from pierre_data.auth.encryption import new_key
from pierre_data.auth.environment import Environment, detect_environment
from pierre_data.auth.filestore import FileTokens
from pierre_data.auth.identities import FixedToken, Identity, TokenSource, identity, key_identities
from pierre_data.auth.log_filter import RedactingFilter, redact_logs
from pierre_data.auth.login import Connected, Disconnected, connect, disconnect
from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.auth.stores import open_tokens
from pierre_data.auth.token_response import TokenRefused, missing_scopes
from pierre_data.auth.tokens import Account, MemoryTokens, StorageInfo, StoredToken, TokenStore
from pierre_data.auth.transfer import export_token, import_token, new_passphrase

__all__ = [
    "Account",
    "Connected",
    "Connection",
    "Consent",
    "Dialogue",
    "Diagnosis",
    "Disconnected",
    "Environment",
    "FileTokens",
    "FixedToken",
    "Identity",
    "MemoryTokens",
    "Receiver",
    "RedactingFilter",
    "StorageInfo",
    "StoredToken",
    "TokenRefused",
    "TokenSource",
    "TokenStore",
    "connect",
    "detect_environment",
    "diagnose",
    "disconnect",
    "export_token",
    "identity",
    "import_token",
    "is_local",
    "key_identities",
    "missing_scopes",
    "new_key",
    "new_passphrase",
    "open_tokens",
    "redact_logs",
    "redirect_address",
    "report",
    "shareable",
]
