// libpq, and its macros that Swift can't import: the fields of an error report.
// https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD
#ifndef CPOSTGRES_SHIM_H
#define CPOSTGRES_SHIM_H
#include <libpq-fe.h>

static inline const char *cpostgres_sqlstate(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_SQLSTATE); }
static inline const char *cpostgres_message(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY); }
static inline const char *cpostgres_context(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_CONTEXT); }
static inline const char *cpostgres_constraint(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME); }
static inline const char *cpostgres_column(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_COLUMN_NAME); }
static inline const char *cpostgres_table(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_TABLE_NAME); }
#endif
