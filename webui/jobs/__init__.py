"""Work as durable jobs: stored before it is answered, run by an executor, ended in exactly one state."""
