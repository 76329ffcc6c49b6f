import JSON
import Bytes
func materialize(_ value: Value, record: UnsafeRawBufferPointer, arena: inout Arena) -> Value { value }
func digits(of value: Value, record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: record[Int(value.length)..<Int(value.length) + Int(value.aux)])
}
extension Output {
    mutating func append(_ value: Double) {
        var text = value.description
        if text.hasSuffix(".0") { text.removeLast(2) }
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }
}
