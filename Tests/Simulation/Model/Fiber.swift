import CFiber

/// Stacks for tasks, used again from seed to seed. One thread.
final class FiberPool {
    // As much as a member's thread has.
    private static let stackBytes = 2 << 20
    private var free: [Fiber] = []

    func take() -> Fiber { free.popLast() ?? Fiber(stackBytes: Self.stackBytes) }

    /// Its code has ended, or is about to in handing over for the last time.
    func give(back fiber: Fiber) { free.append(fiber) }
}

/// A flow of control that only goes on when another hands over to it; a thread could do the same at ten times the price.
final class Fiber {
    private let handle: OpaquePointer

    /// - Parameter stackBytes: 0: it stands for the stack that runs now.
    init(stackBytes: Int) {
        // A seed takes some twenty of them; without memory for those there is no simulation, and no seed to blame.
        guard let made = fiber_make(stackBytes) else { fatalError("no memory for a stack") }
        handle = made
    }

    deinit { fiber_free(handle) }

    private final class Body {
        let run: () -> Fiber

        init(_ run: @escaping () -> Fiber) { self.run = run }
    }

    /// Lets `body` begin when it is handed over to next. `body` ends with who goes on.
    func prepare(_ body: @escaping () -> Fiber) {
        fiber_prepare(
            handle,
            { argument in
                // Only `prepare` gives arguments, and always one.
                Unmanaged<Body>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().run().handle
            }, Unmanaged.passRetained(Body(body)).toOpaque())
    }

    /// Returns when somebody hands back.
    func hand(to other: Fiber) { fiber_switch(handle, other.handle) }
}
