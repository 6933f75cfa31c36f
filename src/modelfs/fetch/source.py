"""What every source can do. One source is one module in ``sources/``, and nothing else knows it."""

from typing import Protocol

from modelfs.fetch.listing import Listing, Wishes
from modelfs.fetch.web import Web


class Source(Protocol):
    """A place on the network that offers models."""

    def claims(self, text: str) -> bool:
        """Say whether this address is this source's; costs nothing, asks nobody."""
        ...

    def list(self, text: str, web: Web) -> Listing:
        """Say what there is at an address.

        Raises BadInput for an address that cannot be read, NotFound, AccessDenied or Unreachable.
        """
        ...

    def wishes(self, text: str) -> Wishes:
        """Say what an address itself asks for of its listing: a quantisation, a folder.

        Costs nothing, asks nobody. Raises BadInput as ``list`` does.
        """
        return Wishes()
