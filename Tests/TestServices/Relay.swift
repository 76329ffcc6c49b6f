import Glibc

/// TCP on loopback, for the proxies of this folder and for tests that need a port somebody listens on.
public enum Relay {
    /// A listening socket on a free port. The caller closes it.
    public static func listener() -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let port = withAddress(0) { address, length in
            bind(descriptor, address, length)
            listen(descriptor, 16)
            var own = length
            getsockname(descriptor, address, &own)
        }
        return (descriptor, port)
    }

    /// A socket that was asked to connect; what fails shows when it is used.
    static func connected(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        withAddress(port) { address, length in _ = connect(descriptor, address, length) }
        return descriptor
    }

    static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
                if count <= 0 { return }
                sent += count
            }
        }
    }

    /// Runs `body` with the loopback address and returns the port that is in it afterwards.
    @discardableResult
    private static func withAddress(_ port: Int, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Void) -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }
}
