"""The generator behind the synthetic providers: a world first, providers second."""

from pierre_data.synthetic.scenarios import SCENARIOS
from pierre_data.synthetic.world import GENERATOR_VERSION, World

__all__ = ["GENERATOR_VERSION", "SCENARIOS", "World"]
