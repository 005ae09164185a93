package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// specVersion is part of the cache's key: raise it when code changes what a cache entry
// built from the same lists contains.
const specVersion = "4"

// spec says what a cache entry is made of. It names no versions: those are whatever the
// host's package sources offer, and the entry's manifest records them.
type spec struct {
	kernels  []string // meta-packages of a kernel, the first that exists is taken
	suite    string   // of Debian that has the kernel, empty for the host's release
	packages []string // what the guest's root is made of, with all they depend on
	bare     []string // more packages, without what they depend on
	skip     []string // name patterns of packages that only installing needs
	prune    []string // path patterns, relative to the root, that no test reads
	texts    []text   // small files of the root
	foreign  []foreign
	programs []string // must exist in the root, with the libraries they need
	modules  []string // loaded by the guest before the tests, with all they depend on
	perhaps  []string // likewise, before those, where the kernel has them
	lazy     []string // in the guest too, loaded when a test asks; missing ones are skipped
}

// text is a file with what is in it.
type text struct{ name, content string }

// foreign are files out of packages of another Debian release, in a folder of their own:
// programs that are wanted in a version that the host's release does not have.
type foreign struct {
	suite    string   // of Debian
	packages []string // without what they depend on
	files    []string // path patterns of what is taken, each must match
	dir      string   // where in the root they go
}

// DefaultKernel is the one of the host's release: 6.1 on Debian 12.
const DefaultKernel = "6.1"

// Kernels are the Linux versions that a machine can boot, the default first: those of
// Debian 12 and 13, and the newest that Debian has.
func Kernels() []string { return []string{DefaultKernel, "6.12", "7"} }

// ErrNoKernel says that there is no such kernel among [Kernels].
var ErrNoKernel = errors.New("no such kernel")

// Set is what a machine has beside what all have.
type Set string

// Sets.
const (
	// Plain: nothing.
	Plain Set = ""
	// Pacemaker: the cluster engine, and what makes nodes of namespaces.
	Pacemaker Set = "pacemaker"
	// NVMe: targets and hosts of NVMe over TCP, and the program that Debian has for them.
	NVMe Set = "nvme"
)

// specOf is what a machine with one of the kernels is made of; but for the kernel, and
// what else it is to have, it is the same.
func specOf(kernel string, set Set) (spec, error) {
	suites := map[string]string{DefaultKernel: "", "6.12": "trixie", "7": "sid"}
	suite, ok := suites[kernel]
	if !ok {
		return spec{}, fmt.Errorf("%w: %s", ErrNoKernel, kernel)
	}
	s := guestSpec()
	s.suite = suite
	switch set {
	case Pacemaker:
		s.addPacemaker()
	case NVMe:
		s.addNVMe()
	}
	return s, nil
}

// addNVMe adds what is needed to give namespaces to hosts, and to be one.
func (s *spec) addNVMe() {
	s.packages = append(s.packages, "nvme-cli")
	s.programs = append(s.programs, "nvme")
	s.lazy = append(s.lazy, "nvme-fabrics", "nvme-tcp", "nvmet-tcp")
}

// addPacemaker adds the cluster engine. Its schemas are in usr/share/pacemaker.
func (s *spec) addPacemaker() {
	s.packages = append(s.packages, "corosync", "gawk", "iproute2", "pacemaker", "pacemaker-cli-utils", "resource-agents")
	s.programs = append(s.programs, "bridge", "corosync", "crm_mon", "crm_resource", "ip", "nsenter", "pacemakerd", "stonith_admin", "unshare")
	s.lazy = append(s.lazy, "bridge", "veth")
	needed := []string{"libgssapi*", "libk5crypto*", "libkeyutils*", "libkrb5*", "libpam*", "libtirpc*"}
	s.skip = slices.DeleteFunc(s.skip, func(pattern string) bool { return slices.Contains(needed, pattern) })
	for i, pattern := range s.prune {
		if pattern == "usr/share/[^f]*" {
			s.prune[i] = "usr/share/[^fp]*"
		}
	}
	// It registers in order to fence, which Debian 12's does not.
	s.foreign = append(s.foreign, foreign{
		suite:    "trixie",
		packages: []string{"fence-agents-common", "fence-agents-scsi"},
		files:    []string{"usr/sbin/fence_scsi", "usr/share/fence/*.py"},
		dir:      "opt/fence-agents-4.16",
	})
	s.prune = append(s.prune, "usr/share/p[^a]*", "usr/share/pa[^c]*")
}

// guestSpec is that with the host's kernel.
func guestSpec() spec {
	return spec{
		// The cloud kernel boots in half the time of the full one.
		kernels: []string{"linux-image-cloud-amd64", "linux-image-amd64", "linux-image-generic"},
		packages: []string{
			"base-files", "bash", "busybox-static", "coreutils", "dash", "dmsetup", "e2fsprogs",
			"grep", "kmod", "lvm2", "mount", "multipath-tools", "open-iscsi", "procps", "python3",
			"sed", "sg3-utils", "util-linux",
		},
		// What fence_scsi does not use of its dependencies is a hundred times its size.
		// Nor does mdadm need to send mail, or udev to be installed.
		bare: []string{"dpkg", "fence-agents", "libmd0", "mdadm", "python3-pexpect", "python3-ptyprocess", "tar", "udev"},
		skip: []string{
			"*-microcode", "*perl*", "adduser", "cpio", "debconf", "dpkg",
			"gcc-*-base", "init-system-helpers", "initramfs-tools*", "klibc-utils", "libdb5*",
			"libgdbm*", "libgssapi*", "libk5crypto*", "libkeyutils*", "libklibc", "libkrb5*",
			"libnsl*", "libpam*", "libreadline*", "libsemanage*", "libsepol*", "libsqlite*",
			"libtirpc*", "linux-base*", "linux-firmware*", "linux-headers-*", "logsave",
			"lsb-base", "media-types", "passwd", "readline-common", "sg3-utils-udev",
			"sysvinit-utils", "tar", "tzdata", "udev", "usrmerge", "wireless-regdb",
		},
		prune: []string{
			"boot", "lib/systemd", "lib/udev/hwdb.d", "usr/games", "usr/include", "usr/lib/*/gconv",
			"usr/lib/*/perl*", "usr/lib/initramfs-tools", "usr/lib/locale", "usr/lib/systemd",
			"usr/lib/x86_64-linux-gnu/engines-*", "usr/share/[^f]*",
			"usr/share/f[^e]*", "usr/src", // all but usr/share/fence
			"etc/init.d", "etc/systemd", "var/cache", "var/lib/dpkg",
			"usr/lib/python3*/asyncio", "usr/lib/python3*/config-*", "usr/lib/python3*/distutils",
			"usr/lib/python3*/ensurepip", "usr/lib/python3*/lib2to3", "usr/lib/python3*/pydoc_data",
			"usr/lib/python3*/unittest", "usr/sbin/fence_[a-rt-z]*",
		},
		// fencing.py loads pycurl for the agents that talk to a web server.
		texts: []text{{"usr/lib/python3/dist-packages/pycurl.py", "class error(Exception): pass\n"}},
		foreign: []foreign{{
			suite:    "trixie",
			packages: []string{"sg3-utils", "libsgutils2-1.48"},
			files:    []string{"usr/bin/sg_persist", "usr/lib/*/libsgutils2-1.48.so.2"},
			dir:      "opt/sg3_utils-1.48",
		}},
		programs: []string{
			"bash", "busybox", "dd", "dmsetup", "dpkg", "dpkg-deb", "fence_scsi", "iscsistart", "lvm", "mdadm",
			"mke2fs", "mount", "multipath", "multipathd", "ps", "python3", "sg_persist", "sg_turs", "sh", "tar",
			"udevadm",
		},
		modules: []string{
			"configfs", "dm-mod", "iscsi_target_mod", "iscsi_tcp",
			"sd_mod", "sg", "target_core_file", "target_core_mod",
		},
		// No modules any more in newer kernels.
		perhaps: []string{"crc32c_generic", "ipv6"},
		lazy: []string{
			"9p", "9pnet_virtio", "aes_generic", "cbc", "dm-crypt", "dm-multipath", "dm-queue-length", "dm-round-robin",
			"dm-service-time", "ext4", "loop", "nvme-loop", "nvmet", "overlay", "raid1", "softdog",
			"target_core_iblock", "tcm_loop", "virtio_blk", "virtio_net", "virtio_pci",
		},
	}
}

// key names the cache entry of this specification.
func (s spec) key() string {
	h := sha256.New()
	fmt.Fprintln(h, specVersion)
	lists := [][]string{s.kernels, s.packages, s.skip, s.prune, s.programs, s.modules, s.perhaps, s.lazy, s.bare, {s.suite}}
	for _, t := range s.texts {
		lists = append(lists, []string{t.name, t.content})
	}
	for _, f := range s.foreign {
		lists = append(lists, []string{f.suite, f.dir}, f.packages, f.files)
	}
	for _, list := range lists {
		fmt.Fprintln(h, strings.Join(list, " "))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// matchAny reports whether name matches one of the patterns of path.Match.
func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}
