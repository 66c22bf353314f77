/*
 * What cppcheck needs to know of the server, whose headers it does not read:
 * macros that look like no C, and what does not return.
 */
#define ERROR 21
#define FATAL 22
#define PANIC 23
#define ereport(level, ...) \
	do { (void) (__VA_ARGS__); if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) ereport(level, errmsg(__VA_ARGS__))
#define Assert(c) do { if (!(c)) abort(); } while (0)
#define StaticAssertDecl(c, message) extern int static_assertion
#define StaticAssertStmt(c, message)

#define PG_MODULE_MAGIC
#define PG_FUNCTION_INFO_V1(f) extern int f##_info
#define PGDLLEXPORT
#define pg_attribute_printf(a, b)
#define pg_attribute_noreturn()
#define pg_noreturn

#define PG_TRY(...) do { int trying = setjmp(0); if (trying) {
#define PG_CATCH(...) } else {
#define PG_FINALLY(...) } {
#define PG_END_TRY(...) } } while (0)
#define PG_RE_THROW() abort()

#define foreach(cell, list) for (; cell; )

#define INT64CONST(x) (x##L)
#define UINT64CONST(x) (x##UL)
#define INT64_FORMAT "%ld"
#define UINT64_FORMAT "%lu"
