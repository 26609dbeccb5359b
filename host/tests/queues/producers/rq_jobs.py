"""RQ: six waiting, one scheduled, one deferred; in another queue one running, two failed, one finished; in a third one the
oldest job is behind one that was put in at the front."""

import time
from datetime import timedelta

from redis import Redis
from rq import Queue, Worker

from shared import PORT, say, start, stop, until


def work(seconds):
    time.sleep(seconds)


def boom():
    raise ValueError("on purpose")


def main():
    # Jobs are found by the name of the module, which is not that of a script.
    import rq_jobs as jobs

    client = Redis(port=PORT)
    mail, busy = Queue("mail", connection=client), Queue("busy", connection=client)
    front = Queue("front", connection=client)
    behind = front.enqueue(jobs.work, 0)
    behind.enqueued_at -= timedelta(minutes=1)
    behind.save()
    waiting = [mail.enqueue(jobs.work, 0) for _ in range(6)]
    mail.enqueue_in(timedelta(hours=1), jobs.work, 0)
    mail.enqueue(jobs.work, 0, depends_on=waiting[0])
    for _ in range(2):
        busy.enqueue(jobs.boom)
    busy.enqueue(jobs.work, 0)
    running = busy.enqueue(jobs.work, 600)
    front.enqueue(jobs.work, 0, at_front=True)
    url = f"redis://127.0.0.1:{PORT}/0"
    # One that works in its own process, so that none is left behind.
    worker = start("rq.cli", "worker", "busy", "--url", url, "--worker-class", "rq.SimpleWorker")
    try:
        until("the last one runs", lambda: running.get_status(refresh=True) == "started")
        assert len(Worker.all(connection=client)) == 1
        running.refresh()
        say(
            [
                ("mail", "waiting", 6), ("mail", "delayed", 1), ("mail", "blocked", 1), ("mail", "active", 0),
                ("busy", "waiting", 0), ("busy", "active", 1), ("busy", "failed", 2), ("busy", "completed", 1),
                ("front", "waiting", 2),
            ],
            oldest={"mail": waiting[0].enqueued_at.timestamp(), "front": behind.enqueued_at.timestamp()},
            in_flight={"busy": running.started_at.timestamp()},
            workers={"mail": 0, "busy": 1},
        )
    finally:
        stop(worker)


if __name__ == "__main__":
    main()
