"""
The kit for the tests of sites that use taskhub.

    from taskhub.testing import TaskHub

    class SignUpTests(TestCase):
        def test_a_welcome_is_sent(self):
            taskhub = TaskHub()
            self.client.post("/sign-up/", {...})
            taskhub.assert_enqueued(send_welcome, ANY)
            taskhub.run()

With pytest, the fixture `taskhub` is such an object. The kit reads rows: a task that
was enqueued has its row before any commit, so nothing is captured or patched. It runs
tasks in the test's own process, connection and transaction; see `taskhub.inline`.
"""

from taskhub.testing.hub import TaskHub
from taskhub.testing.ran import Ran

__all__ = ["Ran", "TaskHub"]
