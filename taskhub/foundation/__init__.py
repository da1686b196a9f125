"""
Small tools that know nothing of tasks, queues or models.

Everything above may import them. They import only `taskhub.exceptions`.
"""
