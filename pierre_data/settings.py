"""Settings from the environment: read when a client or registry is made, never at import, never kept."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_LEGACY = ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI")


@dataclass(frozen=True)
class Settings:
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

    default_provider: str | None
    providers: tuple[str, ...] | None
    cache_dir: Path
    config_dir: Path
    data_dir: Path
    token_store: str
    token_key: Secret | None
    offline: bool
    progress: bool
    redis_url: Secret | None
    _environ: dict[str, str] = field(repr=False, compare=False, default_factory=dict)

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
        env = {k: v for k, v in (os.environ if environ is None else environ).items() if v.strip()}
        store = env.get("PIERRE_TOKEN_STORE", "keyring").strip().lower()
        if store not in ("keyring", "memory", "plaintext"):
            raise ConfigurationError(
                f"PIERRE_TOKEN_STORE is {store!r}.", "Set it to keyring, memory or plaintext, or unset it."
            )
        return cls(
            default_provider=env.get("PIERRE_DEFAULT_PROVIDER", "").strip().lower() or None,
            providers=words(env["PIERRE_PROVIDERS"]) if "PIERRE_PROVIDERS" in env else None,
            cache_dir=_directory(env, "PIERRE_CACHE_DIR", "user_cache_path"),
            config_dir=_directory(env, "PIERRE_CONFIG_DIR", "user_config_path"),
            data_dir=_directory(env, "PIERRE_DATA_DIR", "user_data_path"),
            token_store=store,
            token_key=_secret(env, "PIERRE_TOKEN_KEY"),
            offline=_switch(env, "PIERRE_OFFLINE", False),
            progress=_switch(env, "PIERRE_PROGRESS", True),
            redis_url=_secret(env, "REDIS_URL"),
            _environ=env,
        )

    def text(self, provider: str, name: str) -> str:
        """Return ``PIERRE_<PROVIDER>_<NAME>``, or ``<PROVIDER>_<NAME>`` for the client's id and redirect; else ''."""
        return self._environ.get(self._variable(provider, name), "").strip()

    def secret(self, provider: str, name: str) -> Secret | None:
        """Return a secret variable, or the content of the file that ``..._FILE`` names.

        Raises
        ------
        ConfigurationError
            The file cannot be read.
        """
        return _secret(self._environ, self._variable(provider, name))

    def supply(self, provider: str, name: str, value: Secret) -> None:
        """Set ``PIERRE_<PROVIDER>_<NAME>`` for this object alone, as a key form does; it is kept nowhere else."""
        self._environ[variable(provider, name)] = value.reveal().strip()

    def scopes(self, provider: str) -> tuple[str, ...]:
        """Return ``PIERRE_<PROVIDER>_SCOPES``, split on commas or spaces."""
        return words(self.text(provider, "SCOPES"))

    def provider_file(self) -> Mapping[str, Mapping[str, Any]]:
        """Return ``providers.toml`` of the configuration directory: provider -> settings; empty when absent.

        Raises
        ------
        ConfigurationError
            The file exists and cannot be read.
        """
        path = self.config_dir / "providers.toml"
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}.", "Correct or remove it.") from error
        return {name: part for name, part in content.items() if isinstance(part, dict)}

    def _variable(self, provider: str, name: str) -> str:
        stem = f"{provider.upper().replace('-', '_')}_{name}"
        prefixed = f"PIERRE_{stem}"
        known = prefixed in self._environ or f"{prefixed}_FILE" in self._environ
        return stem if name in _LEGACY and not known else prefixed


def variable(provider: str, name: str) -> str:
    """Return the environment variable of a provider's setting, for messages.

    Examples
    --------
    >>> variable("strava-export", "PATH")
    'PIERRE_STRAVA_EXPORT_PATH'
    """
    return f"PIERRE_{provider.upper().replace('-', '_')}_{name.upper()}"


def words(text: str) -> tuple[str, ...]:
    """Split on commas or white space.

    Examples
    --------
    >>> words("read, write  all")
    ('read', 'write', 'all')
    """
    return tuple(w for w in re.split(r"[,\s]+", text) if w)


def _directory(env: Mapping[str, str], name: str, platform: str) -> Path:
    if name in env:
        return Path(env[name]).expanduser()
    import platformdirs

    return Path(getattr(platformdirs, platform)("pierre_data", appauthor=False))


def _switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in _TRUE | _FALSE:
        return value in _TRUE
    raise ConfigurationError(f"{name} is {value!r}.", "Set it to 1 or 0.")


def _secret(env: Mapping[str, str], name: str) -> Secret | None:
    if name in env:
        return Secret(env[name].strip())
    if (file := env.get(f"{name}_FILE")) is None:
        return None
    try:
        return Secret(Path(file).expanduser().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file that {name}_FILE names cannot be read: {type(error).__name__}.",
            f"Correct {name}_FILE or its permissions.",
        ) from None
