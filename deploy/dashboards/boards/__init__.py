"""The six dashboards, one module each; a long one has its later sections in another."""

from typing import Final

from deploy.dashboards.boards import centre, city, devices, fleet, path, school
from deploy.dashboards.spec import Board

BOARDS: Final[tuple[Board, ...]] = (
    city.BOARD,
    school.BOARD,
    path.BOARD,
    devices.BOARD,
    fleet.BOARD,
    centre.BOARD,
)
