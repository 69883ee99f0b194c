"""The log: structlog over a writer that never waits."""

from __future__ import annotations

import logging
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from pbxbilling.kernel.facts import Fact, instant_of
from pbxbilling.kernel.ports import Clock
from pbxbilling.telemetry.facts.fact_lines import FactLines, Output
from pbxbilling.telemetry.facts.line import Line, in_full, masked
from pbxbilling.telemetry.facts.text import as_json

Format = Literal["json", "console"]


class Log:
    """Writes all log lines of the process, in one form and from one level on.

    >>> log = Log(writer, clock, "json", "info")
    >>> log.info("listening", address="127.0.0.1:4590")
    >>> emit = log.sink  # an EventSink
    """

    def __init__(self, output: Output, clock: Clock, form: Format, level: str) -> None:
        self._output = output
        self._clock = clock
        self._facts = FactLines(output)
        self.sink = self._facts.sink
        self.configure(form, level)

    def configure(self, form: Format, level: str) -> None:
        """Set form and lowest level, at the start and at a reload."""
        lowest = logging.getLevelNamesMapping()[level.upper()]
        self._is_json = form == "json"
        self._logger: FilteringBoundLogger = structlog.wrap_logger(
            _Lines(self._output),
            processors=[structlog.processors.add_log_level, self._stamp, _renderer(form)],
            wrapper_class=structlog.make_filtering_bound_logger(lowest),
            cache_logger_on_first_use=True,
        ).bind()
        mask = in_full if lowest <= logging.DEBUG else masked
        self._facts.configure(mask, lowest, None if self._is_json else self._render)

    def _render(self, line: Line, fact: Fact) -> None:
        self._logger.log(line.level, line.event, timestamp=instant_of(fact), **line.fields)

    def debug(self, event: str, **fields: Any) -> None:
        """Log something that helps to find a fault."""
        self._logger.debug(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log what the daemon does."""
        self._logger.info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log something that an operator should look at."""
        self._logger.warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log something that an operator must act on."""
        self._logger.error(event, **fields)

    def _stamp(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:  # noqa: ARG002 - the signature is fixed
        at = event.get("timestamp") or self._clock.now()
        event["timestamp"] = at if self._is_json else at.isoformat(timespec="milliseconds")
        return event


class StandardHandler(logging.Handler):
    """Passes the standard library's log (asyncio, uvicorn) to `Log`, warnings and worse."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an exception is added as text."""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        write(record.getMessage(), **fields)


class _Lines:
    """The logger that structlog calls with a rendered line; every level writes it alike."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def msg(self, line: bytes) -> None:
        self._output.write(line)

    debug = info = warning = error = critical = exception = msg


def _renderer(form: Format) -> Processor:
    if form == "json":
        return lambda _logger, _name, event: as_json(event)
    console = structlog.dev.ConsoleRenderer(colors=False, repr_native_str=True, pad_event_to=0)

    def render(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
        words = {
            key: str(value) if isinstance(value, str) else value for key, value in event.items()
        }
        return f"{console(logger, name, words)}\n".encode(errors="backslashreplace")

    return render
