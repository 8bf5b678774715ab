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
class Environment:
    """Where this kernel runs: local, jupyterhub, colab, codespaces, ssh or headless; and its name for people."""

    kind: str
    name: str

    @property
    def has_browser(self) -> bool:
        """Whether a browser opened here is seen by the person, and its redirect reaches us."""
        return self.kind == "local"

    def advice(self, redirect_uri: str) -> str:
        """Return what to do with a consent link here: always both ways, the likelier one first."""
        paste = (
            f"open the link in your browser and consent; it then ends at a page it cannot show ({redirect_uri}...): "
            "copy the whole address of that page and paste it here"
        )
        if self.has_browser:
            return f"Consent in the browser that opened. If none did or it cannot come back, {paste}."
        return f"This kernel runs on {self.name}: {paste}. A browser on that computer may come back by itself."


def detect_environment(
    environ: Mapping[str, str], *, platform: str = sys.platform, modules: Mapping[str, object] | None = None
) -> Environment:
    """Tell where this kernel runs by ``os.environ``, ``sys.platform`` and ``sys.modules`` (Colab has its own)."""
    for kind, name, variables in _SIGNS:
        if any(environ.get(variable) for variable in variables):
            return Environment(kind, name)
    if "google.colab" in (sys.modules if modules is None else modules):
        return Environment("colab", "Google Colab")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")
    if platform.startswith(("linux", "freebsd", "openbsd")) and not any(environ.get(name) for name in screens):
        return Environment("headless", "a computer without a screen")
    return Environment("local", "this computer")
