"""The base class of the parts of the rig: they run until stopped, and a `with` stops them."""

from abc import ABC, abstractmethod
from typing import Self


class Running(ABC):
    """A context manager around a thing that runs from `start` on, or from its construction."""

    def start(self) -> Self:
        """Start running; a thing that runs since its construction does nothing here."""
        return self

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()  # what did not start completely may still run in part
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
