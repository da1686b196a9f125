"""What operators request of this node in its row, passed on to the supervisor."""

from django.db.models import Exists

from taskhub.models import Node
from taskhub.operations.results.bulk import unfinished
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import QUIET, RESIZE, RESUME, STOP, Upwards

#: How often it looks.
REQUESTS_SECONDS = 1.5


class NodeRequests:
    """Knows what was passed on already; for the steward."""

    def __init__(self, node: NodeOptions, upwards: Upwards) -> None:
        self._node = node
        self._upwards = upwards
        #: How many processes the node is to have.
        self.processes = node.processes
        self._is_quiet = False
        #: Whether there are bulk actions to be done, by whichever node.
        self.has_bulk_actions = False

    def look(self) -> None:
        """Pass on what is new. Raise a database's error if it is away."""
        rows = Node.writing.filter(name=self._node.name)
        # In the same question: it is asked all the time, also of an idle node.
        told = rows.annotate(has_bulk_actions=Exists(unfinished()))
        row = told.values_list(
            "wanted_processes", "is_quiet", "is_to_stop", "has_bulk_actions"
        ).first()
        if row is None:
            # It has not told of itself yet.
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
