"""
Compare taskhub with its peers: the same empty task on the same servers in one run.

Each peer has a folder with its tasks, a `peer.py` and, if it is for Django, settings.
NAME.txt pins the packages of its own environment, `var/peers/NAME`. Two interpreters
take part in a round:

- this project's (`__main__`, `rows`, `environments`, `rounds`, `table`) runs the
  servers and calls the rows in turn;
- the peer's (`drive`, `peer`, `tally`, `base_settings`, and the peer's folder)
  enqueues, starts the workers and counts. taskhub is driven in the same way.
"""
