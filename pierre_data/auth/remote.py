"""Where this kernel runs, and how a browser's answer gets to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

_SIGNS = (
    ("jupyterhub", "a JupyterHub server", ("JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_USER")),
    ("colab", "Google Colab", ("COLAB_RELEASE_TAG", "COLAB_BACKEND_VERSION")),
    ("codespaces", "a codespace", ("CODESPACES",)),
    ("ssh", "another computer, reached by SSH", ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where this kernel runs.

    Parameters
    ----------
    kind : {"local", "jupyterhub", "colab", "codespaces", "ssh", "headless"}
        By which sign.
    name : str
        For people.
    """

    kind: str
    name: str

    @property
    def has_browser(self) -> bool:
        """Whether a browser opened here is seen by the person, and its redirect reaches us."""
        return self.kind == "local"

    def advice(self, redirect_uri: str) -> str:
        """Return what to do with a consent link here: always both ways, the likelier one first.

        Examples
        --------
        >>> Place("ssh", "another computer").advice("http://127.0.0.1:8123/callback")[:43]
        'This kernel runs on another computer: open '
        """
        paste = (
            f"open the link in your browser and consent; it then ends at a page it cannot show ({redirect_uri}...): "
            "copy the whole address of that page and paste it here"
        )
        if self.has_browser:
            return f"Consent in the browser that opened. If none did or it cannot come back, {paste}."
        return f"This kernel runs on {self.name}: {paste}. A browser on that computer may come back by itself."


def place(
    environ: Mapping[str, str], *, platform: str = sys.platform, modules: Mapping[str, object] | None = None
) -> Place:
    """Tell where this kernel runs.

    Parameters
    ----------
    environ : mapping
        ``os.environ``.
    platform : str
        ``sys.platform``.
    modules : mapping, optional
        ``sys.modules``; Colab is also known by its own module.

    Examples
    --------
    >>> place({"SSH_CONNECTION": "10.0.0.1 22", "DISPLAY": ":0"}, platform="linux").kind
    'ssh'
    >>> place({}, platform="linux").kind, place({"DISPLAY": ":0"}, platform="linux").kind
    ('headless', 'local')
    """
    for kind, name, variables in _SIGNS:
        if any(environ.get(variable) for variable in variables):
            return Place(kind, name)
    if "google.colab" in (sys.modules if modules is None else modules):
        return Place("colab", "Google Colab")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")
    if platform.startswith(("linux", "freebsd", "openbsd")) and not any(environ.get(name) for name in screens):
        return Place("headless", "a computer without a screen")
    return Place("local", "this computer")
