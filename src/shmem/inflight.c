/*-------------------------------------------------------------------------
 *
 * inflight.c
 *	  The in-flight record: which task each worker executed when it died.
 *
 * A crash of one process takes shared memory and all other processes with
 * it, but not a file that they had mapped.  It has one line per worker slot,
 * written with plain stores and never synced: it must survive a crash of
 * processes, not of the machine.
 *
 * After a crash all running tasks look guilty.  But the postmaster tells the
 * survivors to die by SIGQUIT, and their handler marks the line innocent
 * first; only a process that died by itself leaves its line as it was.  The
 * postmaster reads the file when it sets up shared memory again, before any
 * worker can run, and empties it.
 *
 * The file lies in the directory of temporary statistics, which base backups
 * and pg_rewind skip.  Its header names the boot of the machine and the
 * postmaster, which adds a word when it ends in whatever order.  So a file
 * that was left by a crash of the machine is not believed, nor one of a
 * server that was killed with all of its processes at once, as a container
 * is: there nobody could be declared innocent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "shmem/inflight.h"
#include "shmem/layout.h"
#include "shmem/settings.h"

#define INFLIGHT_FILE	PG_STAT_TMP_DIR "/pg_weir.inflight"
#define INFLIGHT_MAGIC	0x57454952

typedef enum InflightState
{
	INFLIGHT_NONE,
	INFLIGHT_RUNNING,
	INFLIGHT_INNOCENT
} InflightState;

typedef struct InflightLine
{
	uint32		state;			/* InflightState */
	Oid			database;
	int64		task_id;
	int32		attempt;
	char		pad[44];
} InflightLine;

typedef struct InflightHeader
{
	uint32		magic;
	uint32		nlines;
	char		boot_id[40];
	TimestampTz started_at;		/* of the postmaster */
	int32		postmaster;		/* its process */
	uint32		ended;			/* it ended by itself */
} InflightHeader;

StaticAssertDecl(sizeof(InflightLine) == 64, "one cache line per worker");
StaticAssertDecl(sizeof(InflightHeader) == 64, "one cache line of header");

/* This worker's line in the mapped file; NULL if there is none */
static InflightLine *MyLine = NULL;

/*
 * What distinguishes this boot of the machine from others.
 */
static void
inflight_boot_id(char *boot_id, size_t size)
{
	int			fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY);

	memset(boot_id, 0, size);
	if (fd < 0)
		return;
	if (read(fd, boot_id, size - 1) < 0)
		boot_id[0] = '\0';
	close(fd);
}

/*
 * The postmaster ends, and has seen all its processes end: what the file says
 * holds for the next one.
 */
static void
inflight_postmaster_ends(int code, Datum arg)
{
	InflightHeader header;
	int			fd = open(INFLIGHT_FILE, O_RDWR | PG_BINARY);

	if (fd < 0)
		return;
	if (read(fd, &header, sizeof(header)) == sizeof(header))
	{
		header.ended = 1;
		if (lseek(fd, 0, SEEK_SET) != 0 ||
			write(fd, &header, sizeof(header)) != sizeof(header))
			elog(LOG, "could not write file \"%s\": %m", INFLIGHT_FILE);
	}
	close(fd);
}

/*
 * Notes the tasks of those lines that nobody declared innocent, if somebody
 * could have.
 */
static void
inflight_read(int fd, const InflightHeader *mine)
{
	InflightHeader header;
	InflightLine line;

	if (read(fd, &header, sizeof(header)) != sizeof(header) ||
		header.magic != INFLIGHT_MAGIC ||
		strncmp(header.boot_id, mine->boot_id, sizeof(header.boot_id)) != 0)
		return;
	if (!header.ended && (header.postmaster != mine->postmaster ||
						  header.started_at != mine->started_at))
		return;
	while (Weir->nsuspects < WEIR_MAX_SUSPECTS &&
		   read(fd, &line, sizeof(line)) == sizeof(line))
	{
		if (line.state == INFLIGHT_RUNNING)
		{
			Suspect    *suspect = &Weir->suspects[Weir->nsuspects++];

			suspect->database = line.database;
			suspect->task_id = line.task_id;
			suspect->attempt = line.attempt;
		}
	}
}

/*
 * Reads who was running at the crash, if there was one, and starts the file
 * anew.  Runs in the postmaster: whatever goes wrong is logged and survived.
 */
void
inflight_collect(void)
{
	static bool first = true;
	InflightHeader header;
	Size		size;
	int			fd;

	/* a single-user server leaves it to the next postmaster */
	if (!IsPostmasterEnvironment)
		return;
	if (first)
		on_proc_exit(inflight_postmaster_ends, (Datum) 0);
	first = false;
	memset(&header, 0, sizeof(header));
	header.magic = INFLIGHT_MAGIC;
	header.nlines = weir_max_workers;
	inflight_boot_id(header.boot_id, sizeof(header.boot_id));
	header.started_at = MyStartTimestamp;
	header.postmaster = MyProcPid;

	fd = open(INFLIGHT_FILE, O_RDONLY | PG_BINARY);
	if (fd >= 0)
	{
		inflight_read(fd, &header);
		close(fd);
	}
	size = sizeof(header) + weir_max_workers * sizeof(InflightLine);
	fd = open(INFLIGHT_FILE, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY,
			  pg_file_create_mode);
	if (fd < 0 || ftruncate(fd, size) != 0 ||
		write(fd, &header, sizeof(header)) != sizeof(header))
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", INFLIGHT_FILE),
				 errdetail("Tasks that crash the server will not be recognized.")));
	if (fd >= 0)
		close(fd);
}

/*
 * Maps the line of this worker slot.  Without a file the worker runs all the
 * same: only the recognition of crashes is lost.
 */
void
inflight_attach(int slot)
{
	Size		size = sizeof(InflightHeader) +
	weir_max_workers * sizeof(InflightLine);
	int			fd = open(INFLIGHT_FILE, O_RDWR | PG_BINARY);
	char	   *map;

	if (fd < 0)
		return;
	if (lseek(fd, 0, SEEK_END) >= (off_t) size)
	{
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED)
			MyLine = (InflightLine *) (map + sizeof(InflightHeader)) + slot;
	}
	close(fd);
}

void
inflight_begin(Oid database, int64 task_id, int32 attempt)
{
	if (MyLine == NULL)
		return;
	MyLine->database = database;
	MyLine->task_id = task_id;
	MyLine->attempt = attempt;
	pg_write_barrier();
	MyLine->state = INFLIGHT_RUNNING;
}

void
inflight_end(void)
{
	if (MyLine)
		MyLine->state = INFLIGHT_NONE;
}

/*
 * This process is told to die with the others.  Called in a signal handler:
 * one store, nothing else.
 */
void
inflight_innocent(void)
{
	if (MyLine && MyLine->state == INFLIGHT_RUNNING)
		MyLine->state = INFLIGHT_INNOCENT;
}
