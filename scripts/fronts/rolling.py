"""Calls that go on while the servers behind are restarted, one after the other."""

import threading

import calls
import grpc

CALLS_MIN = 1000
CALLERS = 8


def restart(front, carrier, backends):
    """Restarts all servers under load. No call may fail."""
    channel = front.channel(carrier)
    begun, failures, over = [0] * CALLERS, [], threading.Event()
    enough = threading.Event()

    def work(caller):
        call = calls.unary_call(channel)
        while not over.is_set():
            begun[caller] += 1
            try:
                answer = call(calls.SimpleRequest(response_size=10), timeout=calls.PATIENCE)
                calls.equal(len(answer.payload.body), 10)
            except (grpc.RpcError, AssertionError) as error:
                failures.append(f"{error.code().name}: {error.details()}" if hasattr(error, "code") else str(error))
            if sum(begun) >= CALLS_MIN:
                enough.set()

    callers = [threading.Thread(target=work, args=[caller]) for caller in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        for place in range(len(backends)):
            # Each works when the next one goes.
            backends.wait_for_call(place)
            backends.restart(place)
            backends.wait_for_call(place)
        enough.wait(calls.PATIENCE * 2)
    finally:
        over.set()
        for caller in callers:
            caller.join()
        channel.close()
    made = sum(begun)
    if failures or made < CALLS_MIN:
        raise AssertionError(f"of {made} calls {len(failures)} failed, first {failures[:3]}; {front.process.lines[-2:]}")
    return f"{made} calls, none failed"
