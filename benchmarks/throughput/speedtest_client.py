"""speedtest-cli's library, unchanged but for the service's address: HOST:PORT download|upload."""

import json
import sys
from typing import Any

import speedtest


def main() -> int:
    """Measure one direction; print rate and bytes as JSON."""
    place, way = sys.argv[1], sys.argv[2]
    build = speedtest.build_request

    def at_the_stand_in(url: str, *words: Any, **named: Any) -> Any:  # noqa: ANN401 - not ours
        scheme, separator, rest = url.partition("://")
        if "speedtest.net" in rest:
            url = f"{scheme}{separator}{place}/{rest.partition('/')[2]}"
        return build(url, *words, **named)

    speedtest.build_request = at_the_stand_in
    tested = speedtest.Speedtest(timeout=20)
    tested.get_servers()
    tested.get_best_server()
    rate = tested.download() if way == "download" else tested.upload()
    results = tested.results
    moved = results.bytes_received if way == "download" else results.bytes_sent
    print(json.dumps({"bps": rate, "bytes": moved}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
