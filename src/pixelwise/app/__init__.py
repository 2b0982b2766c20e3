"""The page in the browser: see what a network finds, correct it, train on it.

The server is Starlette and uvicorn (extra ``app``), bound to the loopback interface; the page in
``static`` is plain JavaScript without a build step.
"""
