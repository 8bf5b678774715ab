"""Kernels inherit this environment, so that outputs are the same everywhere."""

import os
import tempfile

_home = tempfile.mkdtemp(prefix="pierre-notebooks-")
os.environ.update(
    TZ="UTC",
    PYTHONHASHSEED="0",
    TQDM_DISABLE="1",
    LC_ALL="C.UTF-8",
    PIERRE_CACHE_DIR=_home,
    PIERRE_CONFIG_DIR=_home,
    PIERRE_DATA_DIR=_home,
    MPLBACKEND="agg",
)
for name in [n for n in os.environ if n.startswith("PIERRE_") and not n.endswith("_DIR")]:
    del os.environ[name]
