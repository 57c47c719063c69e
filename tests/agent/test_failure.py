"""The seam where foreign exceptions get a name: the map is complete."""

import ast
import errno
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
from agent.failure import (
    BY_ERRNO,
    BY_OPERATION_TIMEOUT,
    BY_TYPE,
    MeasurementFailed,
    translate,
)
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation

NOT_YET_RAISED: dict[FailureCode, str] = {}


def builtin_subclasses(kind: type[OSError]) -> Iterator[type[OSError]]:
    """Every built-in class of exceptions below ``kind``, itself included."""
    if kind.__module__ == "builtins":
        yield kind
    for below in kind.__subclasses__():
        yield from builtin_subclasses(below)


def named_in_the_agent() -> set[FailureCode]:
    """Codes that the source of the agent names as ``FailureCode.X`` (docstrings do not count)."""
    names = {
        node.attr
        for path in Path(agent.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "FailureCode"
    }
    return {FailureCode[name] for name in names}


def test_every_code_is_given_somewhere_or_known_to_be_missing() -> None:
    """A code that nothing ever gives is a promise not kept; the exceptions have a reason."""
    assert set(FailureCode) - named_in_the_agent() == set(NOT_YET_RAISED)


def test_every_operation_has_a_name_for_its_time_out() -> None:
    """A new operation without a line in the table would crash when it times out."""
    assert set(BY_OPERATION_TIMEOUT) == set(Operation)


@pytest.mark.parametrize(("number", "code"), BY_ERRNO.items(), ids=errno.errorcode.get)
def test_an_errno_of_the_table_gets_its_code(number: int, code: FailureCode) -> None:
    """OSError picks its subclass by errno; the table decides, whatever that subclass is."""
    failure = translate(OSError(number, "words"), Operation.CONNECT)
    assert (failure.code, failure.operation) == (code, Operation.CONNECT)
    assert "words" in failure.text


@pytest.mark.parametrize("operation", Operation)
def test_any_errno_during_any_operation_is_named(operation: Operation) -> None:
    """No error of the system makes translation itself fail, and its words are kept."""
    for number in errno.errorcode:
        assert "words" in translate(OSError(number, "words"), operation).text


def test_a_connection_error_without_errno_is_no_crash() -> None:
    """Libraries raise ``ConnectionResetError('Connection lost')``: no errno, but a clear case."""
    named = {
        kind: translate(kind("Connection lost"), Operation.DOWNLOAD).code
        for kind in builtin_subclasses(ConnectionError)
    }
    assert named.pop(ConnectionRefusedError) is FailureCode.CONNECTION_REFUSED
    assert set(named.values()) == {FailureCode.CONNECTION_RESET}


def test_every_tls_error_is_a_tls_failure() -> None:
    """Its errno counts in another table, so it must not be looked up in ours."""
    kinds = [kind for kind in vars(ssl).values() if isinstance(kind, type)]
    tls = [kind for kind in kinds if issubclass(kind, ssl.SSLError)]
    assert len(tls) > 3
    for kind in tls:
        assert translate(kind(errno.EPERM, "x"), Operation.TLS).code is FailureCode.TLS_FAILED


@pytest.mark.parametrize(
    ("error", "operation", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Operation.RESOLVE, FailureCode.DNS_FAILED),
        (socket.herror(1, "x"), Operation.RESOLVE, FailureCode.DNS_FAILED),
        (TimeoutError(), Operation.CONNECT, FailureCode.CONNECT_TIMEOUT),
        (TimeoutError(), Operation.HANDSHAKE, FailureCode.HANDSHAKE_TIMEOUT),
        (TimeoutError(), Operation.RECEIVE, FailureCode.NO_REPLY),
        (TimeoutError(), Operation.RUN, FailureCode.TIMEOUT),
        (TimeoutError(errno.ETIMEDOUT, "x"), Operation.CONNECT, FailureCode.CONNECT_TIMEOUT),
        (TimeoutError(errno.ETIMEDOUT, "x"), Operation.DOWNLOAD, FailureCode.STALLED),
        (PermissionError("x"), Operation.PREPARE, FailureCode.PERMISSION_DENIED),
        (MemoryError(), Operation.RUN, FailureCode.RESOURCE_EXHAUSTED),
        (ZeroDivisionError("x"), Operation.RUN, FailureCode.PROBE_CRASHED),
        (FileNotFoundError(errno.ENOENT, "x"), Operation.RUN, FailureCode.PROBE_CRASHED),
    ],
    ids=lambda part: getattr(part, "value", None) or type(part).__name__,
)
def test_each_kind_of_exception_has_its_code(
    error: BaseException, operation: Operation, code: FailureCode
) -> None:
    """The same exception means another thing before and after the connection stands."""
    assert translate(error, operation).code is code


def test_a_type_stands_before_the_types_it_derives_from() -> None:
    """The first match wins, so a general line above a special one would hide it."""
    kinds = list(BY_TYPE)
    for at, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[at + 1 :])


def test_what_a_probe_named_stays_as_it_is() -> None:
    """MeasurementFailed is already a failure of ours: neither code nor operation changes."""
    raised = MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, "t")
    assert translate(raised, Operation.RUN) is raised.failure


@pytest.mark.parametrize("error", [OSError("x" * 9_999), ValueError(), ValueError("y" * 9_999)])
def test_a_text_is_never_empty_and_never_too_long(error: BaseException) -> None:
    """The text fits the wire, and an exception without words gives the name of its class."""
    assert 0 < len(translate(error, Operation.RUN).text) <= MAX_TEXT_CHARACTERS
