"""Forms with files (multipart/form-data, RFC 7578): read whole, in bounded parts, by a library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from collector.api.refusal import Refusal
from collector.operators.forms import Form

TYPE: Final = "multipart/form-data"
MAX_PARTS: Final = 60
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_NAME_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file as it was sent. Neither its name nor its type is believed."""

    file_name: str
    content: bytes


class _Parts:
    """What the parser found so far."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self.files: dict[str, list[Upload]] = {}
        self.count = 0
        self.ended = False
        self._reset()

    def _reset(self) -> None:
        self._headers: dict[str, bytes] = {}
        self._field = self._value = b""
        self._data = bytearray()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._end,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        self.count += 1
        if self.count > MAX_PARTS:
            raise _refused()
        self._reset()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise _refused()
        if b"filename" in options:
            file_name = options[b"filename"].decode("utf-8", "replace")[:MAX_NAME_CHARACTERS]
            if file_name or self._data:  # an input without a file sends an empty part
                upload = Upload(file_name=file_name, content=bytes(self._data))
                self.files.setdefault(name, []).append(upload)
            return
        if len(self._data) > MAX_FIELD_BYTES:
            raise _refused()
        try:
            self.fields.setdefault(name, []).append(self._data.decode("utf-8", "strict"))
        except UnicodeDecodeError:
            raise _refused() from None

    def _all(self) -> None:
        self.ended = True


def is_multipart(content_type: str) -> bool:
    """Say whether a body is a form with files."""
    return content_type.partition(";")[0].strip().lower() == TYPE


def parse(body: bytes, content_type: str) -> Form:
    """Read fields and files. Raises :class:`Refusal` (400)."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise _refused()
    parts = _Parts()
    parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type] # its own names
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise _refused() from None
    if not parts.ended:
        raise _refused()
    return FormWithFiles(parts.fields, parts.files)


class FormWithFiles(Form):
    """A form that brought files."""

    def __init__(self, fields: Mapping[str, list[str]], files: Mapping[str, list[Upload]]) -> None:
        super().__init__(fields)
        self.files = files


def files_of(form: Form, name: str) -> list[Upload]:
    """Give the files of one field; none where the form has none."""
    return form.files.get(name, []) if isinstance(form, FormWithFiles) else []


def _refused() -> Refusal:
    return Refusal(400, "form", "the form cannot be read: send it again from the page")
