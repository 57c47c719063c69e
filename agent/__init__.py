"""What runs in a school: measures, keeps results through outages, delivers them.

Also the responder, the far end of its own measurements. Never imports the collector.
"""

from wire import __version__ as __version__
