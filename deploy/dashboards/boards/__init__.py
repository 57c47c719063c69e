"""The six dashboards, one file each."""

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
