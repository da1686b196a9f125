"""
Small modules that are independent of tasks, queues and models.

Everything else may import them. They import only `taskhub.exceptions`.
"""
