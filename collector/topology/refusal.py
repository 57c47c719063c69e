"""Why an edit of a school's network was not kept."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why an edit was not kept."""

    NO_NAME = "no_name"
    SAME_DEVICE = "same_device"
    NO_DEVICE = "no_device"
    SPEED = "speed"
    DUPLEX = "duplex"
    ROLE = "role"
    TEXT = "text"
    """Too long, or with signs that no line has."""
    TOO_MANY = "too_many"
    NOT_EDITED = "not_edited"
    """There is nothing to take back."""
    FORM = "form"
    """What no page sends."""


class EditRefused(Exception):
    """An edit that was not kept; the text says what is allowed.

    ``why`` names the reason for pages, which say it in their own language with ``names``.
    """

    def __init__(self, text: str, why: Refusal, **names: object) -> None:
        super().__init__(text)
        self.why = why
        self.names = names
