package model

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// Config is what a simulated unit is made of. The zero value of each field
// takes the default that stands with it.
type Config struct {
	// Blocks is the size of the medium (2048: one MiB).
	Blocks uint64 `json:"blocks"`
	// BlockSize is 512 or 4096 (512).
	BlockSize uint32 `json:"blockSize"`
	// Serial is the unit serial number, VPD page 80h ("SIM0001").
	Serial string `json:"serial"`
	// WWID is the name of the unit in VPD page 83h: "naa." and 16 or 32
	// hexadecimal digits (made from Serial).
	WWID string `json:"wwid"`
	// Vendor, Product and Revision are INQUIRY's ("LUNGUARD", "SIMULATED LUN",
	// "1").
	Vendor   string `json:"vendor"`
	Product  string `json:"product"`
	Revision string `json:"revision"`
	// TargetPorts are the RELATIVE TARGET PORT IDENTIFIERs of the device: the
	// ports that ALL_TG_PT means and that REGISTER AND MOVE may name (1, 2).
	// A nexus through another port can still be opened and joins the list.
	TargetPorts []uint16 `json:"targetPorts"`
	// Quirks say where the device errs.
	Quirks Quirks `json:"quirks"`
}

// ErrBadConfig says that no unit can be made of a Config.
var ErrBadConfig = errors.New("bad configuration of a simulated LUN")

// Complete fills in the defaults and checks the rest. The error is
// ErrBadConfig.
func (c Config) Complete() (Config, error) {
	if c.Blocks == 0 {
		c.Blocks = 2048
	}
	if c.BlockSize == 0 {
		c.BlockSize = 512
	}
	setDefault(&c.Serial, "SIM0001")
	setDefault(&c.Vendor, "LUNGUARD")
	setDefault(&c.Product, "SIMULATED LUN")
	setDefault(&c.Revision, "1")
	setDefault(&c.WWID, WWIDOf(c.Serial))
	if len(c.TargetPorts) == 0 {
		c.TargetPorts = []uint16{1, 2}
	}
	ports := c.TargetPorts
	c.TargetPorts = nil
	for _, p := range ports {
		c.TargetPorts = WithPort(c.TargetPorts, p)
	}
	switch {
	case c.BlockSize != 512 && c.BlockSize != 4096:
		return c, fmt.Errorf("%w: block size %d, 512 or 4096 expected", ErrBadConfig, c.BlockSize)
	case c.Blocks > 1<<40:
		return c, fmt.Errorf("%w: %d blocks, at most 2^40 expected", ErrBadConfig, c.Blocks)
	case c.TargetPorts[0] == 0:
		return c, fmt.Errorf("%w: relative target port 0", ErrBadConfig)
	case !ascii(c.Serial, 64) || !ascii(c.Vendor, 8) || !ascii(c.Product, 16) || !ascii(c.Revision, 4):
		return c, fmt.Errorf("%w: serial, vendor, product and revision are at most 64, 8, 16 and 4 ASCII characters", ErrBadConfig)
	}
	if _, err := c.NAA(); err != nil {
		return c, err
	}
	return c, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func ascii(s string, limit int) bool {
	return len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// WWIDOf makes an NAA 6h name that differs wherever the serial number does.
func WWIDOf(serial string) string {
	sum := Digest([]byte(serial))
	return "naa.6" + hex.EncodeToString(sum[:])[:31]
}

// NAA returns the designator of the unit, SPC-4 7.8.6.6.
func (c *Config) NAA() ([]byte, error) {
	digits, ok := strings.CutPrefix(c.WWID, "naa.")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != 8 && len(raw) != 16 {
		return nil, fmt.Errorf("%w: WWID %q, naa. and 16 or 32 hexadecimal digits expected", ErrBadConfig, c.WWID)
	}
	return raw, nil
}

// Digest tells contents apart. Nobody attacks a simulated array, and package
// crypto would cost half a megabyte and 33 MB of address space in every command.
func Digest(b []byte) (sum [16]byte) {
	h := fnv.New128a()
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}

// WithPort is a list of target ports, in order, with one more, if it lacks that.
func WithPort(ports []uint16, port uint16) []uint16 {
	at := 0
	for at < len(ports) && ports[at] < port {
		at++
	}
	if at < len(ports) && ports[at] == port {
		return ports
	}
	return append(append(append([]uint16(nil), ports[:at]...), port), ports[at:]...)
}
