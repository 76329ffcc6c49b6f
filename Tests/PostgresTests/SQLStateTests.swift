import Postgres
import Testing

@Suite struct SQLStateTests {
    /// A wrong row here loses records (a service error taken for a bad row) or stops the stage for ever.
    @Test(arguments: [
        ("", PostgresError.Kind.service), ("08000", .service), ("08006", .service), ("08P01", .data), ("40001", .conflict),
        ("40P01", .conflict), ("40002", .data), ("40003", .service), ("25006", .service), ("25P03", .service),
        ("57P04", .configuration),
        ("0A000", .configuration), ("28P01", .configuration), ("28000", .configuration), ("3D000", .configuration),
        ("3F000", .configuration), ("22001", .data), ("22003", .data), ("22P02", .data), ("22P05", .data), ("23502", .data),
        ("23503", .data), ("23505", .data), ("23514", .data), ("23P01", .data), ("21000", .data), ("09000", .data),
        ("27000", .data),
        ("38000", .data), ("39000", .data), ("P0001", .data), ("44000", .data), ("54000", .data), ("42P01", .configuration),
        ("42703", .configuration), ("42501", .configuration), ("42804", .configuration), ("53100", .service), ("53300", .service),
        ("55P03", .service), ("57014", .service), ("57P01", .service), ("57P02", .service), ("57P03", .service),
        ("58030", .service),
        // Each class of the appendix that has not come up yet, and what differs from its class.
        ("08001", .service), ("08003", .service), ("08004", .service), ("08007", .service), ("20000", .data), ("10608", .data),
        ("22P03", .data), ("22P04", .configuration), ("22021", .data), ("25000", .configuration), ("25001", .configuration),
        ("25P02", .service), ("25P04", .service), ("2F005", .data), ("39P01", .data), ("P0004", .data), ("40000", .conflict),
        ("72000", .conflict), ("42704", .configuration), ("42883", .configuration), ("53000", .service), ("53200", .service),
        ("53400", .configuration), ("54001", .data), ("55000", .service), ("55006", .service), ("55P02", .configuration),
        ("55P04", .configuration), ("57000", .service), ("57P05", .service), ("58000", .service), ("58P01", .service),
        ("XX001", .service), ("XX002", .service), ("HV000", .configuration), ("HV00N", .service), ("HV001", .service),
        ("F0000", .configuration), ("01000", .configuration), ("02000", .configuration), ("03000", .configuration),
        ("0B000", .configuration), ("0F000", .configuration), ("0L000", .configuration), ("0P000", .configuration),
        ("0Z000", .configuration), ("24000", .configuration), ("2B000", .configuration), ("2D000", .configuration),
        ("34000", .configuration), ("3B000", .configuration), ("XX000", .service), ("26000", .configuration), ("99999", .configuration),
    ])
    func kind(state: String, kind: PostgresError.Kind) {
        #expect(SQLState.kind(of: state) == kind)
    }
}
