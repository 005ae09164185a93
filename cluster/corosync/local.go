package corosync

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// IsLocal reports whether the node's address is one of this host's: a socket can be bound
// to no other. An address that is a name is none.
func (n Node) IsLocal() bool {
	ip, err := netip.ParseAddr(n.Address)
	if err != nil {
		return false
	}
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: ip.As16()})
	if ip.Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Addr: ip.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Bind(fd, to) == nil
}
