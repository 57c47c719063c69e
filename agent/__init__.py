"""What runs in a school: measures, keeps results through outages, delivers them.

Also the responder, the far end of its own measurements. Never imports the collector.
"""

from importlib.metadata import version

__version__ = version("hakaru")
