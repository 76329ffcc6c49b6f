import CBytes

/// Sets the allocator up for a process that moves records: memory freed by one batch is taken by the next, so giving it back to
/// the system in between, and growing each thread's heap page by page, costs a fifth of copying a topic and gains nothing.
/// What the process holds is bounded by the topology's `memory_mb`, not here. Reserved memory that nobody touches costs none.
public func keepFreedMemory() { cb_keep_freed_memory() }
