"""The generator behind the synthetic providers: a true world first, what devices recorded of it second.

Like a provider's code it knows nothing above `schema`, and it needs numpy alone.
"""

from pierre_data.synthetic.digests import GENERATOR_VERSION
from pierre_data.synthetic.ids import VIEWS, View
from pierre_data.synthetic.scenarios import SCENARIOS, Scenario
from pierre_data.synthetic.world import World

__all__ = ["GENERATOR_VERSION", "SCENARIOS", "VIEWS", "Scenario", "View", "World"]
