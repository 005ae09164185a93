//go:build ignore

/* Preloaded into a program, this makes up the device /dev/fake and answers its
 * SG_IO from the file $CANNED_SCRIPT; what was asked goes to $CANNED_LOG.
 *
 * The script has lines of numbers, in order of use: "O errno" for an open,
 * "I ..." for an INQUIRY and "A ..." for other commands, with errno, status,
 * host, driver, resid ("-": room less data), sense and data in hex ("-": none). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MAX_LINE (1 << 19)

static int fake_fd = -1;
static int used[128];
static char line[MAX_LINE];

/* next finds the first unused line of a kind; 0 if there is none. */
static int next(char kind)
{
	const char *name = getenv("CANNED_SCRIPT");
	FILE *f = name ? fopen(name, "r") : NULL;
	int nth = 0, found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (line[0] == kind && nth++ == used[(int)kind])
			found = 1;
	}
	if (f)
		fclose(f);
	used[(int)kind] += found;
	return found;
}

static void note(const char *word, const unsigned char *p, unsigned n)
{
	const char *name = getenv("CANNED_LOG");
	FILE *f = name ? fopen(name, "a") : NULL;

	if (!f)
		abort();
	fprintf(f, "%s ", word);
	while (n--)
		fprintf(f, "%02x", *p++);
	fprintf(f, "\n");
	fclose(f);
}

static unsigned unhex(const char *hex, unsigned char *to, unsigned room)
{
	unsigned n = 0, byte;

	while (n < room && *hex != '-' && 1 == sscanf(hex + 2 * n, "%2x", &byte))
		to[n++] = byte;
	return n;
}

static int open_fake(int flags)
{
	note((flags & O_ACCMODE) == O_RDONLY ? "ro" : "rw", NULL, 0);
	if (next('O') && atoi(line + 2)) {
		errno = atoi(line + 2);
		return -1;
	}
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	return fake_fd = real("/dev/null", O_RDWR);
}

static int open_any(const char *name, const char *path, int flags, va_list ap)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);

	if (0 == strcmp(path, "/dev/fake"))
		return open_fake(flags);
	return real(path, flags, (flags & O_CREAT) ? va_arg(ap, int) : 0);
}

#define OPEN(name) int name(const char *path, int flags, ...) \
{ \
	va_list ap; \
	int fd; \
	va_start(ap, flags); \
	fd = open_any(#name, path, flags, ap); \
	va_end(ap); \
	return fd; \
}
OPEN(open)
OPEN(open64)

int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int close(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "close");

	if (fd == fake_fd && fd >= 0) {
		note("close", NULL, 0);
		fake_fd = -1;
	}
	return real(fd);
}

/* A SCSI disk: anything else is asked for its driver first. */
int fstat64(int fd, struct stat64 *st)
{
	int (*real)(int, struct stat64 *) = dlsym(RTLD_NEXT, "fstat64");
	int ret = real(fd, st);

	if (fd == fake_fd && fd >= 0) {
		st->st_mode = S_IFBLK | 0600;
		st->st_rdev = makedev(8, 0);
	}
	return ret;
}

static int answer(sg_io_hdr_t *h)
{
	int kind = 0x12 == h->cmdp[0] ? 'I' : 'A', in = SG_DXFER_FROM_DEV == h->dxfer_direction, err = 0;
	unsigned status = 0, host = 0, driver = 0, n = 0;
	char *resid, *sense, *data;

	note("cdb", h->cmdp, h->cmd_len);
	if (SG_DXFER_TO_DEV == h->dxfer_direction)
		note("out", h->dxferp, h->dxfer_len);
	if (!next(kind)) {
		if (in)
			note("exhausted", NULL, 0);
		return 0;
	}
	strtok(line, " ");
	err = atoi(strtok(NULL, " "));
	status = atoi(strtok(NULL, " "));
	host = atoi(strtok(NULL, " "));
	driver = atoi(strtok(NULL, " "));
	resid = strtok(NULL, " ");
	sense = strtok(NULL, " ");
	data = strtok(NULL, " \n");
	if (err) {
		errno = err;
		return -1;
	}
	if (in)
		n = unhex(data, h->dxferp, h->dxfer_len);
	h->status = status;
	h->host_status = host;
	h->driver_status = driver;
	h->resid = strcmp(resid, "-") ? atoi(resid) : in ? (int)(h->dxfer_len - n) : 0;
	h->sb_len_wr = unhex(sense, h->sbp, h->mx_sb_len);
	h->duration = 0;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd < 0 || fd != fake_fd)
		return real(fd, request, arg);
	if (SG_IO != request) {
		note("ioctl", NULL, 0);
		errno = ENOTTY;
		return -1;
	}
	return answer(arg);
}
