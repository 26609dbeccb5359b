"""Dramatiq: four waiting; in another queue one running, one dead, one delayed that a worker holds."""

import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from shared import PORT, say, start, stop, until

broker = RedisBroker(host="127.0.0.1", port=PORT)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="mail", max_retries=0)
def work(seconds):
    time.sleep(seconds)


@dramatiq.actor(queue_name="busy", max_retries=0)
def busy(seconds):
    if seconds < 0:
        raise ValueError("on purpose")
    time.sleep(seconds)


def main():
    client = redis.Redis(port=PORT)
    first = work.send(0)
    for _ in range(3):
        work.send(0)
    busy.send(-1)
    busy.send(600)
    busy.send_with_options(args=(0,), delay=3_600_000)
    worker = start("dramatiq", "dramatiq_jobs", "--processes", "1", "--threads", "1", "--queues", "busy")
    try:
        until("one is dead", lambda: client.zcard("dramatiq:busy.XQ") == 1)
        until("the others are taken", lambda: client.llen("dramatiq:busy") == client.llen("dramatiq:busy.DQ") == 0)
        say(
            [
                ("mail", "waiting", 4), ("mail", "active", 0), ("mail", "delayed", 0),
                ("busy", "waiting", 0), ("busy", "active", 1), ("busy", "delayed", 1), ("busy", "dead", 1),
            ],
            oldest={"mail": first.message_timestamp / 1000},
        )
    finally:
        stop(worker)


if __name__ == "__main__":
    main()
