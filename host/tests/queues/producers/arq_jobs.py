"""arq: three waiting, one deferred, and more running than the plugin looks at with one command."""

import asyncio
import time
from datetime import timedelta

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from shared import PORT, say

SETTINGS = RedisSettings(port=PORT)
RUNNING = 600


async def work(_, seconds):
    await asyncio.sleep(seconds)


async def main():
    pool = await create_pool(SETTINGS)
    for _ in range(RUNNING):
        await pool.enqueue_job("work", 600)
    worker = Worker([work], redis_settings=SETTINGS, max_jobs=RUNNING, handle_signals=False)
    running = asyncio.create_task(worker.async_run())
    while len(await pool.keys("arq:in-progress:*")) < RUNNING:
        await asyncio.sleep(0.02)
    first = time.time()
    for _ in range(3):
        await pool.enqueue_job("work", 0)
    await pool.enqueue_job("work", 0, _defer_by=timedelta(hours=1))
    depths = [("arq:queue", "waiting", 3), ("arq:queue", "active", RUNNING), ("arq:queue", "delayed", 1)]
    # In a thread, so that the worker goes on.
    await asyncio.to_thread(say, depths, {"arq:queue": first}, None, {"arq:queue": 1})
    running.cancel()


if __name__ == "__main__":
    asyncio.run(main())
