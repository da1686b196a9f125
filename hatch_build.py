"""Make the description of the distribution from README.md."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: The target of a Markdown link that is not an address or an anchor.
_RELATIVE_TARGET = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?=[^)\s]+\))")


class AbsoluteLinks(MetadataHookInterface):
    """Makes links between files of the repository work outside of it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description to README.md with absolute links."""
        text = Path(self.root, "README.md").read_text()
        files = f"{metadata['urls']['Homepage']}/blob/main/"
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _RELATIVE_TARGET.sub(files, text),
        }
