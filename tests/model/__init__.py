"""A model test of the sync: "nothing is lost", attacked in process.

The real hub, fold, canon, historian and two or three real engines, on real directories and SQLite files in /dev/shm, but in one thread: every
turn, every frame, every piece of disk work happens when the schedule says so.

    world.py       programs of one machine, which edit files as programs do;  ledger.py  what they wrote, and what they had before their eyes
    network.py     connections in memory, cut where one likes;  syscalls.py  a crash, a full disk or an edit between any two system calls
    stage.py       all of it put together;  play.py  performs a sequence of operations;  oracle.py  judges how it ended
    republic.py    what officials, policies and filters add: operations, and what must hold of them
    chance.py      sequences by a seed, and how one that fails is made smaller
    test_model.py  by Hypothesis (`make model`);  test_found.py  all that ever failed;  nightly.py  many (`make model-nightly`)
    test_republic.py  both with officials, policies and filters (``nightly.py COUNT SEED republic`` for many)
    mutations.py   whether the model can fail at all

Not here: power cuts (what was written and not synced), the kernel's clock tick (each write of a program has a time of its own), inotify (hints
are delivered or lost, as the schedule likes), ssh and Unison themselves (the ferry brings files one by one under temporary names, and may end
anywhere), and threads that really run side by side (steps are atomic but for what a fault puts between two calls).
"""
