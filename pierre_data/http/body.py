"""Read a body completely, decode it, and stop bombs before they fill the memory."""

import io
import zlib
from collections.abc import Iterable, Iterator

from pierre_data.errors import NetworkError, PayloadError, PierreError

_PIECE_BYTES = 2**20
# Below this no ratio is too high: a short page of zeros may honestly shrink a thousandfold.
_RATIO_FLOOR_BYTES = 16 * 2**20


def read_body(chunks: Iterable[bytes], encoding: str, *, place: str, max_bytes: int, max_ratio: float) -> bytes:
    """Collect and decode a body.

    httpx decodes 292 KB to 300 MB without a question and takes a gzip stream that was cut for a complete one
    (0.28.1, 2026-11), so the decoding is done here.

    Parameters
    ----------
    chunks : iterable of bytes
        As received.
    encoding : str
        Content-Encoding: empty, ``identity``, ``gzip`` or ``deflate`` (in its zlib form).
    place : str
        Host and path, for messages.
    max_bytes : int
        Largest decoded size.
    max_ratio : float
        Largest decoded size per received byte, beyond 16 MB decoded.

    Returns
    -------
    bytes
        The decoded body.

    Raises
    ------
    PayloadError
        The body is larger than `max_bytes` or `max_ratio` allow, or in an encoding that was not asked for.
    NetworkError
        The compressed stream is damaged or was cut; worth a retry.

    Examples
    --------
    >>> read_body([zlib.compress(b"[1,2]")], "deflate", place="api.example/x", max_bytes=99, max_ratio=200.0)
    b'[1,2]'
    """
    decoder = _decoder(encoding.strip().lower(), place)
    sink, received = io.BytesIO(), 0
    try:
        for chunk in chunks:
            received += len(chunk)
            for piece in decoder.feed(chunk) if decoder else (chunk,):
                sink.write(piece)
                _check(sink.tell(), received, place, max_bytes, max_ratio)
    except zlib.error:
        damaged = True
    else:
        damaged = decoder is not None and received > 0 and not decoder.complete
    if damaged:
        raise NetworkError(f"The compressed answer of {place} is damaged or was cut short.", "Try again.")
    return sink.getvalue()


def too_large(place: str, max_bytes: int) -> PierreError:
    """The error for a body above the cap."""
    return PayloadError(
        f"The answer of {place} is larger than {max_bytes:,} bytes.",
        "Ask for less at once, or raise max_body_bytes.",
        path=place,
    )


def _check(decoded: int, received: int, place: str, max_bytes: int, max_ratio: float) -> None:
    if decoded > max_bytes:
        raise too_large(place, max_bytes)
    if decoded > _RATIO_FLOOR_BYTES and decoded > max_ratio * received:
        raise PayloadError(
            f"The answer of {place} unpacks to more than {max_ratio:g} times its size.",
            "Report it to the provider: this is how a decompression bomb looks.",
            path=place,
        )


class _Inflater:
    """gzip or zlib, member after member, in pieces of bounded size."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=47)  # 47: gzip or zlib, told apart by the header

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._inflate.eof:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # padding between and after members is allowed
                if not data:
                    return
                self._inflate = zlib.decompressobj(wbits=47)
            piece = self._inflate.decompress(data, _PIECE_BYTES)
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if not data and len(piece) < _PIECE_BYTES:
                return


def _decoder(encoding: str, place: str) -> _Inflater | None:
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Inflater()
    raise PayloadError(
        f"The answer of {place} is encoded as {encoding[:40]!r}, which was not asked for.",
        "Check for a proxy between you and the provider.",
        path=place,
    )
