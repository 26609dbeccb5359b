"""Celery: 123 waiting in three priorities; one running and one with a countdown, both held by a worker."""

import time

import redis
from celery import Celery

from shared import PORT, say, start, stop, until

app = Celery("celery_jobs", broker=f"redis://127.0.0.1:{PORT}/0")
app.conf.broker_transport_options = {"priority_steps": [0, 3, 6, 9]}
app.conf.task_acks_late = True


@app.task(name="work")
def work(seconds):
    time.sleep(seconds)


def main():
    client = redis.Redis(port=PORT)
    for _ in range(120):
        work.apply_async((0,), queue="reservations")
    for priority in (3, 9, 9):
        work.apply_async((0,), queue="reservations", priority=priority)
    worker = start("celery", "-A", "celery_jobs", "worker", "-Q", "slow", "-c", "1", "-P", "threads", "--prefetch-multiplier", "4")
    try:
        until("the worker is there", lambda: client.scard("_kombu.binding.celery.pidbox") == 1)
        work.apply_async((600,), queue="slow")
        work.apply_async((0,), queue="slow", countdown=3600)
        until("both are held", lambda: client.hlen("unacked") == 2)
        say(
            [("reservations", "waiting", 123), ("slow", "waiting", 0), ("", "active", 2)],
            in_flight={"": min(score for _, score in client.zrange("unacked_index", 0, -1, withscores=True))},
            workers={"reservations": 1},
        )
    finally:
        stop(worker)


if __name__ == "__main__":
    main()
