/// A record's bytes, which stay where they are as long as this lives.
final class Record {
    let bytes: UnsafeRawBufferPointer

    init(_ text: String) {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        self.bytes = UnsafeRawBufferPointer(memory)
    }

    deinit { bytes.deallocate() }

    /// As the topologies here read them, 205 bytes.
    static let order = #"""
        {"order_id":"o-000012345","customer_id":"c-004217","ts":"2026-03-01T12:34:56.345Z","country":"DE","currency":"EUR",\#
        "sku":"SKU-10027","quantity":3,"unit_price":129.95,"status":"paid","email":"user004217@example.com"}
        """#.replacing("\\#\n", with: "")

    /// The same with addresses and 13 items, 1.8 KB.
    static let nested: String = {
        let address = #"{"street":"17 Long Street","city":"Town 217","postcode":"04217","geo":{"lat":51.0417,"lon":12.4217}}"#
        let items = (0..<13).map { number in
            #"{"sku":"SKU-1002\#(number)","title":"Article no. 1002\#(number)","quantity":\#(number % 9 + 1),"#
                + #""price":49.9\#(number % 10),"tags":["a","b\#(number % 10)"]}"#
        }
        return order.dropLast() + #","billing":\#(address),"shipping":\#(address),"items":["# + items.joined(separator: ",") + "]}"
    }()

    /// A list of 13 maps of eight fields each.
    static let wide: String = {
        let items = (0..<13).map { number in
            #"{"id":10\#(number),"sku":"SKU-\#(number)","name":"Article no. \#(number)","quantity":\#(number % 9 + 1),"#
                + #""price":49.9\#(number % 10),"currency":"EUR","gift":false,"note":null}"#
        }
        return #"{"items":["# + items.joined(separator: ",") + "]}"
    }()
}
