"""Readers of the files analysts own: bytes and paths to rows, nothing on the network, nothing written to disk."""

from pierre_data.files.archive import Archive, Member, open_archive
from pierre_data.files.read import read_recording
from pierre_data.files.recording import Recording, Session

__all__ = ["Archive", "Member", "Recording", "Session", "open_archive", "read_recording"]
