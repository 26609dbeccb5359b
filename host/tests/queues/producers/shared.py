"""What the producers in Python have in common: the port, waiting for a condition, and the one line they say."""

import json
import os
import signal
import subprocess
import sys
import time

# A worker imports a producer without its arguments.
PORT = int(os.environ.get("BELLWETHER_PORT") or sys.argv[1])
PATIENCE_SECONDS = 60


def start(module, *arguments):
    """A worker, `python -m module arguments`, that can import the producer and knows the port. In a group of its own."""
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, "PYTHONPATH": here, "BELLWETHER_PORT": str(PORT)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=environment, stdout=sys.stderr, start_new_session=True)


def stop(worker):
    """With the processes that it started."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def until(what, condition):
    """Waits until something is so; every library is asked by its own means or by Redis."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.02)


def say(depths, oldest=None, in_flight=None, workers=None, totals=None):
    """One line for the test: what must be reported. Then nothing, until the test closes standard input."""
    line = {
        "depths": [{"queue": queue, "state": state, "jobs": jobs} for queue, state, jobs in depths],
        "oldest": oldest or {},
        "in_flight": in_flight or {},
        "workers": workers or {},
        "totals": totals or {},
    }
    print(json.dumps(line), flush=True)
    sys.stdin.read()
