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
        ("XX000", .service), ("26000", .configuration), ("99999", .configuration),
    ])
    func kind(state: String, kind: PostgresError.Kind) {
        #expect(SQLState.kind(of: state) == kind)
    }
}
