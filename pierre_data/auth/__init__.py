"""Consent, tokens and their keeping: connect once, stay connected, leak nothing."""
