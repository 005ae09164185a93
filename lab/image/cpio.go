package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// File type bits of a cpio header, as in stat(2).
const (
	cpioDir     = 0o040000
	cpioFile    = 0o100000
	cpioSymlink = 0o120000
	cpioCharDev = 0o020000
)

// cpioTrailer is the name of the entry that ends an archive.
const cpioTrailer = "TRAILER!!!"

// cpioWriter writes an archive in the "newc" format, which is what the kernel unpacks into
// its root (Documentation/driver-api/early-userspace/buffer-format.rst). All files belong
// to root and have no time, so that the same input gives the same bytes. Archives may be
// concatenated: a later entry replaces an earlier one.
type cpioWriter struct {
	w     io.Writer
	off   int64
	inode uint32
	err   error
}

func newCpioWriter(w io.Writer) *cpioWriter { return &cpioWriter{w: w} }

// dir adds a folder.
func (c *cpioWriter) dir(name string, perm fs.FileMode) {
	c.entry(name, cpioDir|uint32(unixPerm(perm)), 0, 0, 0, nil)
}

// symlink adds a symbolic link.
func (c *cpioWriter) symlink(name, target string) {
	c.entry(name, cpioSymlink|0o777, 0, 0, 0, []byte(target))
}

// charDev adds a character device node.
func (c *cpioWriter) charDev(name string, perm fs.FileMode, major, minor uint32) {
	c.entry(name, cpioCharDev|uint32(unixPerm(perm)), major, minor, 0, nil)
}

// bytes adds a file with the given content.
func (c *cpioWriter) bytes(name string, perm fs.FileMode, data []byte) {
	c.entry(name, cpioFile|uint32(unixPerm(perm)), 0, 0, int64(len(data)), data)
}

// file adds a file with the content of the host's file src.
func (c *cpioWriter) file(name, src string, perm fs.FileMode) {
	if c.err != nil {
		return
	}
	data, err := os.ReadFile(src)
	if err != nil {
		c.err = err
		return
	}
	c.bytes(name, perm, data)
}

// tree adds all below root whose path, relative to it, does not match the prune patterns.
func (c *cpioWriter) tree(root string, prune []string) {
	if c.err != nil {
		return
	}
	c.err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if rel == "." {
			return nil
		}
		if matchAny(prune, rel) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		return c.host(rel, p, d)
	})
}

// host adds one file, folder or link as it is on the host.
func (c *cpioWriter) host(name, src string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		c.dir(name, info.Mode())
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(src)
		if err != nil {
			return err
		}
		c.symlink(name, target)
	case info.Mode().IsRegular():
		c.file(name, src, info.Mode())
	default:
		return fmt.Errorf("%s: cannot archive a %v", src, info.Mode().Type())
	}
	return c.err
}

// close writes the trailer and returns the first error of the whole archive.
func (c *cpioWriter) close() error {
	c.entry(cpioTrailer, 0, 0, 0, 0, nil)
	// A concatenated archive must begin on a 4-byte boundary; entries end on one.
	return c.err
}

// entry writes a header, the name and the data, each padded to four bytes.
func (c *cpioWriter) entry(name string, mode, major, minor uint32, size int64, data []byte) {
	if c.err != nil {
		return
	}
	if name != cpioTrailer {
		name = path.Clean(filepath.ToSlash(name))
	}
	if data != nil {
		size = int64(len(data))
	}
	if size > 0xffffffff {
		c.err = errors.New("cpio: file too large")
		return
	}
	c.inode++
	nlink := 1
	if mode&cpioDir != 0 {
		nlink = 2
	}
	// magic ino mode uid gid nlink mtime filesize major minor rmajor rminor namesize check
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, mode, 0, 0, nlink, 0, size, 0, 0, major, minor, len(name)+1, 0)
	c.write([]byte(header))
	c.write(append([]byte(name), 0))
	c.pad()
	c.write(data)
	c.pad()
}

func (c *cpioWriter) write(p []byte) {
	if c.err != nil || len(p) == 0 {
		return
	}
	n, err := c.w.Write(p)
	c.off += int64(n)
	c.err = err
}

func (c *cpioWriter) pad() {
	if n := c.off % 4; n != 0 {
		c.write(make([]byte, 4-n))
	}
}

// unixPerm keeps the set-id and sticky bits that fs.FileMode stores elsewhere.
func unixPerm(m fs.FileMode) uint32 {
	perm := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		perm |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		perm |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		perm |= 0o1000
	}
	return perm
}
