"""What runs at the centre: takes results, judges schools, shows and reports.

Never imports the agent.
"""

from importlib.metadata import version

__version__ = version("hakaru")
