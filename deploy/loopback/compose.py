"""docker-compose.yml as the run on loopback needs it: commands, images, files of configuration."""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from deploy.loopback.places import ROOT, Places, command_of

FILE: Final = ROOT / "docker-compose.yml"
DOCKERFILE: Final = ROOT / "deploy" / "images" / "Dockerfile"


def services() -> Mapping[str, Mapping[str, Any]]:
    """The services by name, as they stand in the file."""
    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
    return found


def command(service: str, places: Places) -> list[str]:
    """The command line of a service, with the places of this machine. Raises Unplaced."""
    return [places.place(word) for word in command_of(services()[service])]


def environment(service: str, places: Places) -> dict[str, str]:
    """Its environment, likewise."""
    given = services()[service].get("environment") or {}
    return {name: places.place(str(value)) for name, value in given.items()}


def pinned() -> dict[str, str]:
    """The release of the images of others that the file names, by service: ``17.10``."""
    tags = {
        name: str(service["image"]).rpartition(":")[2]
        for name, service in services().items()
        if "hakaru-" not in service["image"]
    }
    caddy = re.search(r"^ARG CADDY=(\S+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert caddy is not None
    return {name: tag.split("-")[0].lstrip("v") for name, tag in tags.items()} | {"proxy": caddy[1]}
