"""What a vendor pushes: values a webhook function returns."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from pierre_data.schema import Table
from pierre_data.spi.query import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One thing that happened at the vendor.

    Parameters
    ----------
    kind : {"create", "update", "delete", "disconnect", "data"}
        What happened; "data" brings rows.
    table : Table, optional
        Which table it concerns.
    id : str, optional
        Which object.
    time : datetime, optional
        When the object is, aware UTC: its period is forgotten.  Unknown forgets what may still change.
    athlete_id : str, optional
        Whose, as the vendor names them.
    rows : Rows, optional
        Pushed rows, in the units of the table.
    """

    kind: Literal["create", "update", "delete", "disconnect", "data"]
    table: Table | None = None
    id: str | None = None
    time: dt.datetime | None = None
    athlete_id: str | None = None
    rows: Rows | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """What to answer, and what happened.

    Parameters
    ----------
    events : tuple of Event
        In the order of the body.
    status : int
        HTTP status of the answer.
    reply : bytes
        Body of the answer (a handshake's challenge).
    content_type : str
        Of the reply.
    ignored : int
        Events that changed nothing: they concern another athlete than the client's, or nobody knows whose entries
        the client's are.
    set_aside : int
        Pushed rows that could not be read; the others are kept.
    """

    events: tuple[Event, ...] = ()
    status: int = 200
    reply: bytes = b""
    content_type: str = "application/json"
    ignored: int = 0
    set_aside: int = 0
