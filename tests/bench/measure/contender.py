# SPDX-License-Identifier: MIT
"""The peers in Python, as filters: contender.py WAY [ARGUMENT...] <IN >OUT. The work is to give each line back.

pool CHUNKSIZE           multiprocessing.Pool.imap
pool-prepared SECONDS    the same, with an initializer that takes so long, a chunk of 100 lines a task
joblib                   joblib.Parallel, loky, which chooses its batches
serve SECONDS            fanfold's SDK, in mode frames, prepared once in so many seconds
dask                     dask.distributed, a future a line
"""

import multiprocessing
import sys
import time

JOBS = 2


def give_back(line):
    return line


def prepare(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def pool(chunksize):
    with multiprocessing.Pool(JOBS) as processes:
        for line in processes.imap(give_back, sys.stdin.buffer, int(chunksize)):
            sys.stdout.buffer.write(line)


def pool_prepared(seconds):
    lines = sys.stdin.buffer.readlines()
    chunks = (b"".join(lines[at : at + 100]) for at in range(0, len(lines), 100))
    with multiprocessing.Pool(JOBS, prepare, [float(seconds)]) as processes:
        for chunk in processes.imap(give_back, chunks, 1):
            sys.stdout.buffer.write(chunk)


def serve(seconds):
    import fanfold

    fanfold.serve(lambda chunk, _: chunk, lambda: prepare(float(seconds)))


def joblib():
    from joblib import Parallel, delayed

    for line in Parallel(n_jobs=JOBS)(delayed(give_back)(line) for line in sys.stdin.buffer):
        sys.stdout.buffer.write(line)


def dask():
    from distributed import Client

    with Client(n_workers=JOBS, threads_per_worker=1, dashboard_address=None) as client:
        futures = client.map(give_back, sys.stdin.buffer.readlines(), pure=False)
        for line in client.gather(futures):
            sys.stdout.buffer.write(line)


WAYS = {"pool": pool, "pool-prepared": pool_prepared, "joblib": joblib, "dask": dask, "serve": serve}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
