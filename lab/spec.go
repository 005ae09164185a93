package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// specVersion is part of the cache's key: raise it when code changes what a cache entry
// built from the same lists contains.
const specVersion = "2"

// spec says what a cache entry is made of. It names no versions: those are whatever the
// host's package sources offer, and the entry's manifest records them.
type spec struct {
	kernels  []string // meta-packages of a kernel, the first that exists is taken
	packages []string // what the guest's root is made of, with all they depend on
	skip     []string // name patterns of packages that only installing needs
	prune    []string // path patterns, relative to the root, that no test reads
	programs []string // must exist in the root, with the libraries they need
	modules  []string // loaded by the guest before the tests, with all they depend on
	lazy     []string // in the guest too, loaded when a test asks; missing ones are skipped
}

// guestSpec is the laboratory's one specification.
func guestSpec() spec {
	return spec{
		// The cloud kernel boots in half the time of the full one.
		kernels: []string{"linux-image-cloud-amd64", "linux-image-amd64", "linux-image-generic"},
		packages: []string{
			"base-files", "bash", "busybox-static", "coreutils", "dash", "dmsetup", "e2fsprogs",
			"grep", "kmod", "lvm2", "mount", "multipath-tools", "open-iscsi", "procps", "sed",
			"sg3-utils", "util-linux",
		},
		skip: []string{
			"*-microcode", "*perl*", "adduser", "cpio", "debconf", "dpkg",
			"gcc-*-base", "init-system-helpers", "initramfs-tools*", "klibc-utils", "libdb5*",
			"libgdbm*", "libklibc", "libpam*", "libsemanage*", "libsepol*", "linux-base*",
			"linux-firmware*", "linux-headers-*", "logsave", "lsb-base", "passwd", "sg3-utils-udev",
			"sysvinit-utils", "tar", "udev", "usrmerge", "wireless-regdb",
		},
		prune: []string{
			"boot", "lib/systemd", "lib/udev", "usr/games", "usr/include", "usr/lib/*/gconv",
			"usr/lib/*/perl*", "usr/lib/initramfs-tools", "usr/lib/locale", "usr/lib/systemd",
			"usr/lib/udev", "usr/lib/x86_64-linux-gnu/engines-*", "usr/share", "usr/src",
			"etc/init.d", "etc/systemd", "var/cache", "var/lib/dpkg",
		},
		programs: []string{
			"bash", "busybox", "dd", "dmsetup", "iscsistart", "lvm", "mke2fs", "mount",
			"multipath", "ps", "sg_persist", "sh",
		},
		modules: []string{
			"configfs", "crc32c_generic", "dm-mod", "ipv6", "iscsi_target_mod", "iscsi_tcp",
			"sd_mod", "sg", "target_core_file", "target_core_mod",
		},
		lazy: []string{
			"9p", "9pnet_virtio", "dm-multipath", "dm-queue-length", "dm-round-robin",
			"dm-service-time", "ext4", "loop", "nvme-loop", "nvmet", "overlay", "softdog",
			"target_core_iblock", "tcm_loop", "virtio_blk", "virtio_net", "virtio_pci",
		},
	}
}

// key names the cache entry of this specification.
func (s spec) key() string {
	h := sha256.New()
	fmt.Fprintln(h, specVersion)
	for _, list := range [][]string{s.kernels, s.packages, s.skip, s.prune, s.programs, s.modules, s.lazy} {
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
