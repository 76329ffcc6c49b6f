/// Why a value can't be what its column takes. Nothing is rounded, cut or reinterpreted to make it fit.
enum Refusal: UInt8, CaseIterable {
    case none
    case null
    case notBoolean, notInteger, notNumber, notString, notList, nestedList
    case range, precision, scale, tooLong, fraction
    case zeroCharacter
    case notDate, notTime, notTimestamp, offsetMissing, offsetGiven, leapSecond
    case notUUID, notBase64

    /// The documented code of the dead letter.
    var code: String {
        switch self {
        case .null: "load.null"
        case .range, .precision, .scale, .tooLong, .fraction: "load.range"
        default: "load.conversion"
        }
    }

    /// Ends a sentence that starts with the column's name and type. Without the value.
    var words: String {
        switch self {
        case .none: ""
        case .null: "takes no null, and the record has null or no such field"
        case .notBoolean: "takes true or false"
        case .notInteger: "takes a number written without fraction and exponent"
        case .notNumber: "takes a number"
        case .notString: "takes a string"
        case .notList: "takes a list"
        case .nestedList: "takes a list of one dimension"
        case .range: "can't hold the number: out of range"
        case .precision: "can't hold the number: too many digits before the point"
        case .scale: "can't hold the number exactly: too many digits after the point"
        case .tooLong: "can't hold the string: too long"
        case .fraction: "can't hold the time exactly: too many digits of a second's fraction"
        case .zeroCharacter: "can't hold the zero character (\\u0000)"
        case .notDate: "takes a date as 2026-12-31"
        case .notTime: "takes a time as 23:59:59.999999"
        case .notTimestamp: "takes a time as RFC 3339 writes it, as 2026-12-31T23:59:59.999999Z"
        case .offsetMissing: "takes a time with Z or an offset from UTC"
        case .offsetGiven: "takes a time without Z and without an offset from UTC"
        case .leapSecond: "can't hold a leap second"
        case .notUUID: "takes a UUID as 8-4-4-4-12 hexadecimal digits"
        case .notBase64: "takes bytes as padded base64 (RFC 4648)"
        }
    }
}
