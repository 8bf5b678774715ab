"""Acme Fit, a vendor that does not exist: what a third party's provider looks like."""

from datetime import datetime, timedelta

from pierre_data.schema import ACTIVITIES, Unit
from pierre_data.spi import (
    Endpoint,
    Field,
    OAuthEndpoints,
    OAuthParams,
    ProviderDescriptor,
    RateLimit,
    Sports,
    Terms,
    Token,
    fields,
)


def window(after: datetime | None, before: datetime | None) -> dict[str, str]:
    """Spell a window as Acme wants it."""
    ends = {"from": after, "to": before}
    return {name: end.isoformat() for name, end in ends.items() if end is not None}


descriptor = ProviderDescriptor(
    name="acme",
    display_name="Acme Fit",
    api_base_url="https://api.acme.example/v3",
    oauth_endpoints=OAuthEndpoints("https://acme.example/authorize", "https://acme.example/token"),
    oauth_params=OAuthParams(scope_separator=",", use_pkce=True),
    default_scopes=("activity:read",),
    endpoints={
        ACTIVITIES: Endpoint(
            "/workouts",
            fields("id name=title start_time=started")
            | {
                "sport": Field("kind", via=Sports({"running": "run", "cycling": "ride"})),
                "elapsed_s": Field("minutes", Unit.MINUTE),
                "distance_m": Field("length_km", Unit.KILOMETRE),
            },
            records="data.items",
            paging=Token(cursor="data.next", param="cursor", size=2),
            window=window,
        )
    },
    limits=(RateLimit(60, minutes=1),),
    terms=Terms("https://acme.example/terms", keep=timedelta(days=30)),
)
