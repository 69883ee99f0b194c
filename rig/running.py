"""What the parts of the rig have in common: they run until stopped, and a `with` stops them."""

from abc import ABC, abstractmethod
from typing import Self


class Running(ABC):
    """A context manager around what runs from `start` on, or since it was made."""

    def start(self) -> Self:
        """Run; what runs since it was made does so already."""
        return self

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()  # what did not come up altogether may run in part
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
