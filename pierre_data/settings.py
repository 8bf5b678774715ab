"""Settings from the environment: read when a client or registry is made, never at import, never kept."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

_LEGACY = ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI")
_OURS = re.compile(rf"PIERRE_.+|REDIS_URL(_FILE)?|.+_({'|'.join(_LEGACY)})(_FILE)?")


def words(text: str) -> tuple[str, ...]:
    """Split on commas or white space."""
    return tuple(w for w in re.split(r"[,\s]+", text) if w)


def variable(provider: str, name: str) -> str:
    """Return the environment variable of a provider's setting: ``PIERRE_STRAVA_EXPORT_PATH``."""
    return f"PIERRE_{provider.upper().replace('-', '_')}_{name.upper()}"


def _lower(text: str) -> str:
    return text.strip().lower()


def _platform(kind: str) -> Path:
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_path")("pierre_data", appauthor=False))


_Directory = Annotated[Path, BeforeValidator(lambda text: Path(text).expanduser())]
_Switch = Annotated[bool, BeforeValidator(_lower)]
_ON_OR_OFF = "Set it to 1 or 0."


class Settings(BaseModel):
    """What the environment says.

    Parameters
    ----------
    default_provider : str, optional
        ``PIERRE_DEFAULT_PROVIDER``.
    providers : tuple of str, optional
        ``PIERRE_PROVIDERS``: only these exist; None means all.
    cache_dir, config_dir, data_dir : Path
        ``PIERRE_CACHE_DIR``, ``PIERRE_CONFIG_DIR``, ``PIERRE_DATA_DIR``, or the platform's directories.
    token_store : str
        ``PIERRE_TOKEN_STORE``: ``keyring`` (default), ``memory`` or ``plaintext``.
    token_key : Secret, optional
        ``PIERRE_TOKEN_KEY`` (or a file named by ``PIERRE_TOKEN_KEY_FILE``).
    offline : bool
        ``PIERRE_OFFLINE``: serve the cache, never open a socket.
    progress : bool
        ``PIERRE_PROGRESS``: show progress of long fetches.
    redis_url : Secret, optional
        ``REDIS_URL``; it may hold a password.

    Examples
    --------
    >>> settings = Settings.read({"PIERRE_PROVIDERS": "strava, synthetic", "PIERRE_STRAVA_CLIENT_ID": "1"})
    >>> settings.providers
    ('strava', 'synthetic')
    >>> settings.text("strava", "CLIENT_ID")
    '1'
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    default_provider: Annotated[str, BeforeValidator(_lower)] | None = Field(None, alias="PIERRE_DEFAULT_PROVIDER")
    providers: Annotated[tuple[str, ...], BeforeValidator(words)] | None = Field(None, alias="PIERRE_PROVIDERS")
    cache_dir: _Directory = Field(default_factory=lambda: _platform("cache"), alias="PIERRE_CACHE_DIR")
    config_dir: _Directory = Field(default_factory=lambda: _platform("config"), alias="PIERRE_CONFIG_DIR")
    data_dir: _Directory = Field(default_factory=lambda: _platform("data"), alias="PIERRE_DATA_DIR")
    token_store: Annotated[Literal["keyring", "memory", "plaintext"], BeforeValidator(_lower)] = Field(
        "keyring", alias="PIERRE_TOKEN_STORE", description="Set it to keyring, memory or plaintext, or unset it."
    )
    token_key: Secret | None = Field(None, alias="PIERRE_TOKEN_KEY")
    offline: _Switch = Field(False, alias="PIERRE_OFFLINE", description=_ON_OR_OFF)
    progress: _Switch = Field(True, alias="PIERRE_PROGRESS", description=_ON_OR_OFF)
    redis_url: Secret | None = Field(None, alias="REDIS_URL")
    _environ: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Parameters
        ----------
        environ : mapping, optional
            ``os.environ`` when omitted.

        Raises
        ------
        ConfigurationError
            A value cannot be used; the message names its variable.
        """
        given = os.environ if environ is None else environ
        env = {k: v for k, v in given.items() if v.strip() and _OURS.fullmatch(k)}
        secrets: dict[str, Secret] = {}
        for name in ("PIERRE_TOKEN_KEY", "REDIS_URL"):
            if name in env:
                secrets[name] = Secret(env[name].strip())
            elif f"{name}_FILE" in env:
                secrets[name] = _from_file(name, env[f"{name}_FILE"])
        try:
            settings = cls.model_validate({**env, **secrets})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0])
            hint = next((f.description for f in cls.model_fields.values() if f.alias == name), None)
            raise ConfigurationError(f"{name} is {first['input']!r}.", hint or f"{first['msg']}.") from None
        settings._environ.update(env)
        return settings

    def text(self, provider: str | tuple[str, ...], name: str) -> str:
        """Return ``PIERRE_<PROVIDER>_<NAME>``, or ``<PROVIDER>_<NAME>`` for the client's id and redirect; else ''.

        Of several names of a provider the first one that has it counts; as for `secret` a file may hold it.
        """
        secret = self.secret(provider, name)
        return "" if secret is None else secret.reveal()

    def secret(self, provider: str | tuple[str, ...], name: str) -> Secret | None:
        """Return a secret variable, or the content of the file that ``..._FILE`` names; or ConfigurationError."""
        forms = [variable(p, name) for p in dict.fromkeys((provider,) if isinstance(provider, str) else provider)]
        forms += [form.removeprefix("PIERRE_") for form in forms] if name in _LEGACY else []
        for form in forms:
            if form in self._environ:
                return Secret(self._environ[form].strip())
            if f"{form}_FILE" in self._environ:
                return _from_file(form, self._environ[f"{form}_FILE"])
        return None

    def supply(self, provider: str, name: str, value: Secret) -> None:
        """Set ``PIERRE_<PROVIDER>_<NAME>`` for this object alone, as a key form does; it is kept nowhere else."""
        self._environ[variable(provider, name)] = value.reveal().strip()

    def provider_file(self) -> Mapping[str, Mapping[str, Any]]:
        """Return ``providers.toml`` of the configuration directory: provider -> settings; empty when absent."""
        path = self.config_dir / "providers.toml"
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:  # no TOML, or no UTF-8
            raise ConfigurationError(f"{path} cannot be read: {error}.", "Correct or remove it.") from error
        return {name: part for name, part in content.items() if isinstance(part, dict)}


def _from_file(name: str, file: str) -> Secret:
    try:
        return Secret(Path(file).expanduser().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file that {name}_FILE names cannot be read: {type(error).__name__}.",
            f"Correct {name}_FILE or its permissions.",
        ) from None
