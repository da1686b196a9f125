from taskhub import task


@task
def add(a, b):
    return a + b


@task
def fail():
    raise ValueError("no")


@task
async def aadd(a, b=1):
    return a + b
