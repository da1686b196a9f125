"""What operators request of this node in its row, passed on to the supervisor."""

from django.db.models import Exists

from taskhub.models import Node
from taskhub.operations.results.bulk import unfinished
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import QUIET, RESIZE, RESUME, STOP, Upwards


class NodeRequests:
    """Reads the requests, and remembers which were passed on already."""

    def __init__(self, node: NodeOptions, upwards: Upwards) -> None:
        self._node = node
        self._upwards = upwards
        #: How many processes the node is to have.
        self.processes = node.processes
        self._is_quiet = False
        #: Whether any node has to run bulk actions.
        self.has_bulk_actions = False

    def read(self) -> None:
        """Pass on new requests. Raise a database's error if it is away."""
        rows = Node.writing.filter(name=self._node.name)
        # One query reads both, since it is repeated for as long as the node lives.
        annotated = rows.annotate(has_bulk_actions=Exists(unfinished()))
        row = annotated.values_list(
            "wanted_processes", "is_quiet", "is_to_stop", "has_bulk_actions"
        ).first()
        if row is None:
            # The node has not written its row yet.
            return
        wanted, is_quiet, is_to_stop, self.has_bulk_actions = row
        if wanted is not None and wanted != self.processes:
            self.processes = wanted
            self._upwards.tell(RESIZE, wanted)
        if is_quiet != self._is_quiet:
            self._is_quiet = is_quiet
            self._upwards.tell(QUIET if is_quiet else RESUME)
        if is_to_stop:
            self._upwards.tell(STOP)
