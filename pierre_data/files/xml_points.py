"""The points of a track as columns of texts, taken from the parser in bulk where their shape allows it."""

from __future__ import annotations

from collections.abc import Container, Mapping

Texts = list[str | None]


def local(name: str) -> str:
    """Return a name without its prefix.

    Examples
    --------
    >>> local("ns3:Speed")
    'Speed'
    """
    return name.rpartition(":")[2]


class Points:
    """Points in the order of the document.

    Examples
    --------
    >>> points = Points()
    >>> points.add({"a:hr": "1"})
    >>> points.take(["2", "b:hr", "\\n", "P", "3", "b:hr", "\\n", "P", " "], "P", {"b:hr", "P"})
    8
    >>> points.add({})
    >>> points.columns({"hr": "beats", "ele": "height"}), len(points)
    ({'beats': ['1', '2', '3', None]}, 4)
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._columns: dict[str, Texts] = {}
        self._size = 0
        #: Take one point: qualified names of its elements -> texts.
        self.add = self._rows.append

    def __len__(self) -> int:
        return self._size + len(self._rows)

    def take(self, flat: list[str], point: str, names: Container[str]) -> int:
        """Take the whole points at the front of what the parser said.

        Parameters
        ----------
        flat : list of str
            Texts and names of closed elements, as they came.
        point : str
            Qualified name of a point; it closes one.
        names : container of str
            All names, to tell them from texts.

        Returns
        -------
        int
            How many items were taken.
        """
        if point not in flat:
            return 0
        self._flush()
        at = self._regular(flat, point, names)
        for end in [n for n in range(at, len(flat)) if flat[n] == point]:
            self.add(_row(flat[at:end], names))
            at = end + 1
        return at

    def columns(self, wanted: Mapping[str, str]) -> dict[str, Texts]:
        """Return the texts of all points by column.

        Parameters
        ----------
        wanted : mapping of str to str
            Local name -> column.  Of several names of one column the first that a point has counts.
        """
        self._flush()
        out: dict[str, Texts] = {}
        for name in sorted(self._columns):
            column = wanted.get(local(name))
            if column is None:
                continue
            texts = self._columns[name]
            if column in out:
                texts = [b if a is None else a for a, b in zip(out[column], texts, strict=True)]
            out[column] = texts
        return out

    def _regular(self, flat: list[str], point: str, names: Container[str]) -> int:
        """Take points that all have the same elements, each after a text: slices of the list are columns then."""
        width = flat.index(point) + 1
        count = len(flat) // width
        shape = flat[1:width:2]
        known = all(name in names for name in shape)
        if width % 2 or not known or len(set(shape)) < len(shape) or flat[1 : count * width : 2] != shape * count:
            return 0
        for at, name in enumerate(shape[:-1]):
            self._extend(name, list(flat[2 * at : count * width : width]))
        self._grow(count)
        return count * width

    def _flush(self) -> None:
        rows = self._rows
        if rows:
            for name in set[str]().union(*rows):
                self._extend(name, [row.get(name) for row in rows])
            count = len(rows)
            rows.clear()
            self._grow(count)

    def _extend(self, name: str, texts: Texts) -> None:
        column = self._columns.setdefault(name, [])
        column += [None] * (self._size - len(column))
        column += texts

    def _grow(self, count: int) -> None:
        self._size += count
        for column in self._columns.values():
            if len(column) < self._size:
                column += [None] * (self._size - len(column))


def _row(flat: list[str], names: Container[str]) -> dict[str, str]:
    row, text = dict[str, str](), ""
    for item in flat:
        if item in names:
            row[item], text = text, ""
        else:
            text = item
    return row
