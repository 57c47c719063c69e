"""What runs at the centre: takes results, judges schools, shows and reports.

Never imports the agent.
"""

from wire import __version__ as __version__
