"""Power cuts: a server and clients on filesystems of their own, whose disks are copied while the processes stand still."""
